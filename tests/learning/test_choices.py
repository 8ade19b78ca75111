"""What a bandit chooses follows from seed and record; it finds what is liked, and never takes what is unsafe."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain import ids
from chimera.domain.measurement import Measurement, MeasurementState, measurement_id
from chimera.domain.variants import Choice
from chimera.learning.choices import HARM, WORSE, believed, choice_of

pytestmark = pytest.mark.requirement("R-B6", "R-I2")
STYLES = {"style": ("news", "question", "banter")}


def measured(style: str, engagements: int, *, troubles: tuple[str, ...] = (), number: int = 0,
             state: MeasurementState = MeasurementState.MEASURED) -> Measurement:  # fmt: skip
    task_id = ids.build(at_us=1, entropy=number)
    return Measurement(
        id=measurement_id(task_id), agent_id="a", campaign_id=task_id, task_id=task_id, variants={"style": style},
        due_at_us=1, begins_at_us=1, engagements=engagements, troubles=troubles, state=state,
    )  # fmt: skip


def choices(known: list[Measurement], harmful: list[Measurement] | None = None, *, times: int = 200) -> list[Choice]:
    beliefs = believed(STYLES, known, harmful or [])
    return [choice_of(beliefs, seed=f"seed {number}") for number in range(times)]


def test_the_same_seed_and_record_give_the_same_choice_and_another_seed_may_not() -> None:
    known = [measured("news", 4), measured("banter", 9)]
    assert choices(known) == choices(known)
    assert len({choice.chosen["style"] for choice in choices(known)}) == 3
    again = [choice_of(choice.beliefs, seed=choice.seed) for choice in choices(known)]
    assert again == choices(known)


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_is_liked(seed: int) -> None:
    dice, known, liked = random.Random(seed), list[Measurement](), {"news": 4, "question": 12, "banter": 3}
    for number in range(80):
        style = choice_of(believed(STYLES, known), seed=f"{seed} {number}").chosen["style"]
        known.append(measured(style, dice.randint(0, 2 * liked[style])))
    late = [one.variants["style"] for one in known[40:]]
    assert late.count("question") >= 24, "by chance it would be 13 of 40"


def test_what_makes_trouble_is_not_chosen_however_well_it_is_liked() -> None:
    known = [measured("banter", 5_000, troubles=("findings",)) for _ in range(6)]
    known += [measured("news", 1) for _ in range(6)]
    assert {choice.chosen["style"] for choice in choices(known)} == {"news", "question"}
    assert {one.variant: one.barred for one in believed(STYLES, known)}["banter"] == WORSE


def test_one_unlucky_post_bars_nothing_nor_does_trouble_that_the_baseline_has_too() -> None:
    unlucky = [measured("banter", 5, troubles=("held",)), measured("news", 5)]
    alike = [measured(style, 5, troubles=("findings",)) for style in ("news", "banter") for _ in range(8)]
    for known in (unlucky, alike):
        assert not any(one.barred for one in believed(STYLES, known))


def test_one_post_that_was_taken_down_bars_its_style_for_ever() -> None:
    known = [measured("banter", 900) for _ in range(200)]
    harmful = [measured("banter", 900, state=MeasurementState.HARMFUL)]
    assert "banter" not in {choice.chosen["style"] for choice in choices(known, harmful)}
    assert [one.barred for one in believed(STYLES, known, harmful)] == ["", "", HARM]


def test_where_every_variant_did_harm_none_is_chosen() -> None:
    harmful = [measured(style, 9, state=MeasurementState.HARMFUL) for style in STYLES["style"]]
    assert all(choice.chosen == {} for choice in choices([], harmful, times=5))


a_record = st.lists(
    st.builds(
        measured, st.sampled_from(STYLES["style"]), st.integers(0, 10**6),
        troubles=st.sampled_from([(), ("findings",), ("held",), ("refused",)]),
        state=st.sampled_from([MeasurementState.MEASURED, MeasurementState.VOID]),
    ), max_size=60,
)  # fmt: skip


@given(known=a_record, seed=st.text(max_size=8))
def test_whatever_is_on_record_nothing_barred_is_chosen_and_the_baseline_bars_itself_never(
    known: list[Measurement], seed: str
) -> None:
    beliefs = believed(STYLES, known)
    chosen = choice_of(beliefs, seed=seed).chosen["style"]
    by_name = {one.variant: one for one in beliefs}
    assert not by_name[chosen].barred
    assert not by_name["news"].barred
