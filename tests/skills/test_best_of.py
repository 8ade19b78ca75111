"""The best of several drafts: chosen by the reward model, within one draft's cost, never at the price of safety."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.domain.attempt import Attempt
from chimera.domain.draft import Draft
from chimera.domain.errors import ChimeraError, Invalid, Unavailable
from chimera.domain.work import Result
from chimera.learning.choosing import Choosing
from chimera.learning.reward import RewardModel, train
from chimera.pipeline.worker import Worker
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.registry import SKILLS
from chimera.swarm.replay import Replay
from tests.learning.test_reward import pairs
from tests.small_house import CONTRACTS, DISCLOSURE, GATE, INPUTS, PROMPTS, SPECS, SmallHouse
from tests.small_work import SayingModel, assign, envelope, judgement

pytestmark = [pytest.mark.requirement("R-I2"), pytest.mark.timeout(120)]
MANY = SPECS["copy.post"].limits.drafts
KIND = "patch notes tonight: thanks for playing with us, on the stream"
RUDE = "patch notes tonight: you are all worthless, on the stream"


class NoTools:
    """Implements `ports.tools_read.ToolsRead` with nothing in it."""

    async def call(self, tool: str, arguments: dict[str, object], *, agent_id: str) -> ToolAnswer:
        raise Invalid("tool_unknown", f"there is no tool {tool}", where=str(len(arguments)) + agent_id)


def said(text: str, *, confidence_bp: int = 9_500) -> str:
    return envelope({"text": text, "sources": []}, confidence_bp=confidence_bp)


@pytest.fixture(scope="module")
def reward() -> RewardModel:
    """Trained once, outside the loops of the tests."""
    return asyncio.run(train(pairs(1, 60), WordVectors()))


async def worked(
    reward: RewardModel, *answers: str | ChimeraError, chooses: bool = True
) -> tuple[Result, SayingModel, Attempt | None]:
    house = await SmallHouse().open()
    task = await house.a_task(spec="copy.post", input=INPUTS["copy.post"])
    model = SayingModel(*answers)
    worker = Worker(model=model, tools=Choosing(NoTools(), model=reward, embeddings=WordVectors()), skills=SKILLS,
                    prompts=PROMPTS, contracts=CONTRACTS, clock=house.clock, chooses=chooses)  # fmt: skip
    assignment = assign(task, house.agent)
    result = await worker.work(assignment)
    if result.draft is None:
        return result, model, None
    attempt = Attempt(id=house.ids.new(), assignment=assignment, draft=result.draft, calls=result.calls,
                      verdict=judgement().verdict, judge_calls=())  # fmt: skip
    return result, model, attempt


def text_of(draft: Draft | None) -> str:
    assert draft is not None
    return draft.output["text"]


async def test_the_draft_with_the_highest_reward_is_handed_in(reward: RewardModel) -> None:
    result, model, _ = await worked(reward, said(RUDE), said(RUDE), said(KIND), said(RUDE))
    assert text_of(result.draft) == f"{KIND} {DISCLOSURE}"
    assert len(model.asked) == MANY


async def test_without_a_reward_model_there_is_one_draft(reward: RewardModel) -> None:
    result, model, _ = await worked(reward, said(RUDE), said(KIND), chooses=False)
    assert text_of(result.draft) == f"{RUDE} {DISCLOSURE}"
    assert len(model.asked) == 1


async def test_all_drafts_together_may_cost_what_one_might(reward: RewardModel) -> None:
    _, model, _ = await worked(reward, said(KIND))
    assert sum(one.cost_micros_max for one in model.asked) <= SPECS["copy.post"].limits.cost_micros_max
    assert len({one.digest for one in model.asked}) == MANY


async def test_no_reward_makes_up_for_doubt(reward: RewardModel) -> None:
    result, _, _ = await worked(reward, said(RUDE), said(KIND, confidence_bp=7_000), said(RUDE), said(RUDE))
    assert text_of(result.draft) == f"{RUDE} {DISCLOSURE}"
    assert result.draft is not None
    assert result.draft.confidence_bp == 9_500


async def test_what_cannot_be_understood_is_not_among_those_chosen_from(reward: RewardModel) -> None:
    result, _, _ = await worked(reward, "prose", said(RUDE), '{"output": {', said(KIND))
    assert text_of(result.draft) == f"{KIND} {DISCLOSURE}"
    result, _, _ = await worked(reward, "prose")
    assert result.draft is None


async def test_a_model_that_dies_meanwhile_leaves_what_there_is(reward: RewardModel) -> None:
    gone = Unavailable("model_unavailable", "gone", where="m")
    result, model, _ = await worked(reward, said(RUDE), said(KIND), gone)
    assert text_of(result.draft) == f"{KIND} {DISCLOSURE}"
    assert len(model.asked) == 3
    result, _, _ = await worked(reward, gone)
    assert result.draft is None


@pytest.mark.parametrize("answers", [
    (said(RUDE), said(KIND), said(RUDE), said(RUDE)),
    ("prose", said(KIND), "prose", "prose"),
    (said(KIND), Unavailable("model_unavailable", "gone", where="m")),
], ids=["four", "one understood", "one, then gone"])  # fmt: skip
async def test_a_replay_needs_no_reward_model(reward: RewardModel, answers: tuple[str | ChimeraError, ...]) -> None:
    house = SmallHouse()
    _, _, attempt = await worked(reward, *answers)
    assert attempt is not None
    replay = Replay(contracts=CONTRACTS, gate=GATE, skills=SKILLS, prompts=PROMPTS, clock=house.clock)
    assert await replay._draft(attempt) is None
    other = msgspec.structs.replace(attempt.draft, output={"text": "another", "sources": []})
    assert await replay._draft(msgspec.structs.replace(attempt, draft=other)) is not None


async def test_how_many_texts_are_compared_is_bounded(reward: RewardModel) -> None:
    choosing = Choosing(NoTools(), model=reward, embeddings=WordVectors())
    for texts in ([], ["a"] * 17, "text"):
        with pytest.raises(Invalid, match="texts_out_of_range"):
            await choosing.call("preferred", {"texts": texts}, agent_id="a")
