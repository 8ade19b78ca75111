"""What belongs to another persona is not told, by whomever a worker was talked into it; how often is counted."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.governance import guardrails
from chimera.governance.answers import Tally
from chimera.governance.confidences import RUN_STEP, RUN_WORDS, TELLS_OTHERS, Confidences
from chimera.pipeline.judge import LOOPS, Judge
from tests.small_house import CONTRACTS, PROMPTS, TEXT, SmallHouse
from tests.small_work import ACCEPTED, SayingModel, assign, draft

pytestmark = pytest.mark.requirement("R-D6", "R-D3")
VOICE = "Dry and short. Never says that the studio is for sale before the owner has told the staff so."
GOAL = "Sell the old consoles quietly before the new ones are announced in spring."


def confidences() -> Confidences:
    made = Confidences()
    made.keep("grace", (VOICE, GOAL))
    made.keep("ada", ("Boss fights are better with friends, and friends are better than loot.",))
    return made


def test_every_stretch_of_another_s_words_is_found() -> None:
    made, row = confidences(), VOICE.split()
    length = RUN_WORDS + RUN_STEP - 1
    for start in range(len(row) - length + 1):
        said = f"She told me: {' '.join(row[start : start + length]).upper()}! {TEXT}"
        assert made.tells("ada", (TEXT, said)), said
        assert not made.tells("grace", (said,)), "her own"
    assert not made.tells("ada", (" ".join(row[: RUN_WORDS - 1]),)), "too few words to be nobody else's"


def test_what_two_share_is_no_secret_from_either() -> None:
    made = confidences()
    assert made.tells("ada", (GOAL,))
    made.keep("ada", (GOAL,))
    assert not made.tells("ada", (GOAL,))
    assert made.tells("juno", (GOAL,))


@given(st.text(max_size=300))
def test_any_text_is_answered(said: str) -> None:
    assert not confidences().tells("ada", (said,))
    assert not Confidences().tells("ada", (said, VOICE))


async def test_a_draft_that_tells_another_s_is_not_even_shown_to_a_model() -> None:
    house = await SmallHouse().open()
    tally, model = Tally(), SayingModel(ACCEPTED)
    judge = Judge(model=model, contracts=CONTRACTS, prompt=PROMPTS["judge"], tally=tally)
    tally.note("worker/1")
    work = assign(await house.a_task(), house.agent)
    said = await judge.assess(work, draft(f"{GOAL} {TEXT}"), model="worker/1", others=confidences())
    assert said.verdict.findings == (TELLS_OTHERS,)
    assert model.asked == []
    assert tally.rates()["worker/1"]["leaks-persona"] == 10_000
    assert (await judge.assess(work, draft(TEXT), model="worker/1", others=confidences())).verdict.accepted


@pytest.mark.parametrize(
    ("text", "wrong", "finding"),
    [
        (f"Studies show that friends win. {TEXT}", "ungrounded", "[claims_from_sources]"),
        (f"All 4711 of them. {TEXT}", "ungrounded", "[numbers_from_sources]"),
        ("one two three four five six seven eight " * 5 + TEXT, "loops", LOOPS),
    ],
)
async def test_what_is_found_in_a_draft_counts_for_the_model_that_wrote_it(text: str, wrong: str, finding: str) -> None:
    house = await SmallHouse().open()
    tally = Tally()
    judge = Judge(model=SayingModel(ACCEPTED), contracts=CONTRACTS, prompt=PROMPTS["judge"], tally=tally)
    for _ in range(4):
        tally.note("worker/1")
    work = assign(await house.a_task(), house.agent)
    said = await judge.assess(work, draft(text), model="worker/1")
    assert any(one.endswith(finding) for one in said.verdict.findings), said.verdict.findings
    assert tally.rates()["worker/1"][wrong] == 2_500
    await judge.assess(work, msgspec.structs.replace(draft(text)))
    assert tally.rates().keys() == {"worker/1"}, "without a name nobody is blamed"


@given(st.lists(st.sampled_from("abcdefghi"), max_size=60))
def test_what_is_left_out_for_speed_never_goes_in_circles(words: list[str]) -> None:
    runs = [tuple(words[at : at + guardrails.LOOP_WORDS]) for at in range(len(words) - guardrails.LOOP_WORDS + 1)]
    goes = any(count > guardrails.LOOP_REPEATS_MAX for count in Counter(runs).values())
    assert guardrails.loops(" ".join(words)) == goes


@pytest.mark.parametrize("period", range(1, 12))
def test_the_shortest_circle_of_every_length_is_found(period: int) -> None:
    length = guardrails.LOOP_WORDS + guardrails.LOOP_REPEATS_MAX * period
    words = [f"w{place % period}" for place in range(length)]
    assert guardrails.loops(" ".join(words))
    assert not guardrails.loops(" ".join(words[:-1]))
