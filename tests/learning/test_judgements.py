"""Which drafts are better: people first, then a judge in both orders; nothing about a person, nothing secret."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from chimera.assembly import minds
from chimera.assembly.rules import read_rules
from chimera.assembly.stages import worker_of
from chimera.domain.agent import Rule
from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call, Draft
from chimera.domain.labels import SECRET
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.learning.judgements import Pair, drafts_in, gold_in, judgements
from chimera.learning.preferences import Opinion, Preference, Rows
from chimera.learning.reward import HUMAN_WEIGHT, train
from chimera.settings import Settings
from tests.learning.test_reward import KIND, RUDE, pairs
from tests.skills.test_best_of import NoTools
from tests.small_house import DISCLOSURE, SmallHouse, a_post
from tests.small_work import SayingModel, assign, envelope, judgement

pytestmark = [pytest.mark.requirement("R-I2"), pytest.mark.timeout(120)]
GOOD = "The co-op week is back, and it is lovely."
PROSE = "Here is your post, as you wished!"
BAD = "Whoever disagrees is a worthless idiot."
PROMPT = "copy.post for sandbox"


def call(text: str) -> Call:
    if text == PROSE:
        return Call(kind="model", name="m", request_digest="d", answer=PROSE)
    return Call(kind="model", name="m", request_digest="d", answer=envelope({"text": text, "sources": []}))


async def attempted(
    house: SmallHouse, task: Task, handed: str, *written: str, labels: tuple[str, ...] = ("operator",)
) -> None:
    text = f"{handed} {DISCLOSURE}"
    draft = Draft(output={"text": text, "sources": []}, confidence_bp=9_500, labels=labels, action=a_post(text))
    await house.put(Attempt(id=house.ids.new(), assignment=assign(task, house.agent), draft=draft,
                            calls=tuple(map(call, written)), verdict=judgement().verdict), by=Role.MANAGER)  # fmt: skip


async def test_drafts_of_one_task_are_put_side_by_side_and_the_better_one_wins_in_both_orders() -> None:
    house = await SmallHouse().open()
    task = await house.a_task()
    await attempted(house, task, GOOD, BAD, PROSE, GOOD)
    assert [one async for one in drafts_in(house.office)] == [
        Pair(prompt=PROMPT, one=BAD, other=f"{GOOD} {DISCLOSURE}")
    ]
    async with minds.comparing(Settings(home="/nowhere")) as comparer:
        found = await judgements(house.office, comparer, pairs_max=10)
        nothing = await judgements(house.office, comparer, pairs_max=0)
    (preference,) = found.judged
    assert (preference.chosen, preference.rejected) == (f"{GOOD} {DISCLOSURE}", BAD)
    assert preference.source.startswith("ai:compare#")
    assert (found.human, found.disagreed, nothing.judged) == ((), 0, ())


async def test_where_the_judge_changes_its_mind_nothing_is_learned() -> None:
    house = await SmallHouse().open()
    await attempted(house, await house.a_task(), GOOD, "The co-op week has come back, and it is fine.", GOOD)
    async with minds.comparing(Settings(home="/nowhere")) as comparer:
        found = await judgements(house.office, comparer, pairs_max=10)
    assert (found.judged, found.disagreed) == ((), 1)


async def test_nothing_secret_and_nothing_about_a_person_is_compared() -> None:
    house = await SmallHouse().open()
    await attempted(house, await house.a_task(), GOOD, BAD, labels=("operator", SECRET))
    answering = await house.a_task(input={"author": "@somebody", "post_id": "p1", "platform": "sandbox"})
    await attempted(house, answering, GOOD, BAD)
    assert [one async for one in drafts_in(house.office)] == []


async def test_the_examples_of_constitutions_are_peoples_words() -> None:
    house = await SmallHouse().open()
    rule = Rule(id="kind", rule="Never mock.", severity="revise", good=("A brave try.",), bad=("What a fool.", "Ha."))
    await house.change_agent(persona=msgspec.structs.replace(house.agent.persona, rules=(rule, rule)))
    async with minds.comparing(Settings(home="/nowhere")) as comparer:
        found = await judgements(house.office, comparer, pairs_max=0)
    assert [(one.chosen, one.rejected, one.source) for one in found.human] == [
        ("A brave try.", "What a fool.", "human-constitution"), ("A brave try.", "Ha.", "human-constitution"),
    ]  # fmt: skip


def test_what_people_approved_is_put_before_what_they_rejected_of_the_same_kind() -> None:
    edit = Preference(prompt=PROMPT, chosen="a", rejected="b")
    said = (Opinion(prompt=PROMPT, completion="good", label=True), Opinion(prompt="other", completion="x", label=True),
            Opinion(prompt=PROMPT, completion="bad", label=False))  # fmt: skip
    assert gold_in(Rows(preferences=(edit,), opinions=said)) == (
        edit, Preference(prompt=PROMPT, chosen="good", rejected="bad", source="human-ruling"),
    )  # fmt: skip


async def test_a_persons_word_counts_for_more_than_a_judges() -> None:
    said = pairs(1, 30)
    by_judges = [msgspec.structs.replace(one, chosen=one.rejected, rejected=one.chosen, source="ai:compare#1")
                 for one in said]  # fmt: skip
    model = await train([*said, *by_judges], embeddings := minds.embeddings())
    kind, rude = await embeddings.embed([KIND[0], RUDE[0]])
    assert HUMAN_WEIGHT > 1
    assert model.reward(kind) > model.reward(rude)


async def test_the_workers_of_a_fleet_choose_by_the_model_that_was_trained(tmp_path: Path) -> None:
    house = await SmallHouse().open()
    file = tmp_path / "reward.json"
    file.write_bytes(msgspec.json.encode(await train(pairs(1, 60), minds.embeddings())))
    rude, kind = (envelope({"text": f"patch notes tonight: {words}", "sources": []}) for words in (RUDE[0], KIND[0]))
    for reward_model, chosen, asked in ((str(file), KIND[0], 4), ("", RUDE[0], 1)):
        model = SayingModel(rude, rude, kind, rude)
        settings = Settings(home=str(tmp_path), reward_model=reward_model)
        worker = worker_of(settings, read_rules(), model, NoTools())
        task = await house.a_task(input={"platform": "sandbox", "topic": "patch notes", "brief": "Say it."})
        result = await worker.work(assign(task, house.agent))
        assert result.draft is not None
        assert chosen in result.draft.output["text"]
        assert len(model.asked) == asked
