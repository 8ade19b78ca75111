"""What is learnt from people: reviewers whose tolerance is known, curves, proposals, and when there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.domain.confidence import Bands
from chimera.domain.review import ReviewState
from chimera.learning.calibration import (
    RULINGS_MIN,
    Proposal,
    Ruled,
    bins_of,
    calibrate,
    expected,
    fit,
    is_monotone,
    propose,
    wilson,
)
from chimera.learning.rulings import bands_with, ruled_in, ruled_of, seen_in
from chimera.learning.simulated import best_bp, simulated
from chimera.rehearsal.dice import Dice
from tests.small_house import REVIEWER, SmallHouse

pytestmark = pytest.mark.requirement("R-F3")


def people(tolerance_bp: int, *, noise_bp: int = 200, rulings: int = 500, seed: int = 1) -> tuple[Ruled, ...]:
    dice = Dice.of("people", seed, tolerance_bp, noise_bp)
    return simulated(tolerance_bp=tolerance_bp, noise_bp=noise_bp, rulings=rulings, draw=lambda: dice.draw() / 2**64)


@pytest.mark.parametrize("tolerance_bp", [6_000, 6_500, 7_000, 7_500, 8_000, 8_500])
@pytest.mark.parametrize("noise_bp", [50, 100, 200])
@pytest.mark.parametrize("seed", range(4))
def test_after_500_rulings_the_proposal_is_within_two_hundredths_of_the_best(
    tolerance_bp: int, noise_bp: int, seed: int
) -> None:
    found = propose(people(tolerance_bp, noise_bp=noise_bp, seed=seed), (), now_bp=9_000)
    assert isinstance(found, Proposal)
    assert abs(found.proceed_bp - best_bp(tolerance_bp=tolerance_bp, noise_bp=noise_bp)) <= 200


@pytest.mark.parametrize("harm_weight", [1.0, 3.0, 9.0, 19.0])
def test_whoever_fears_harm_more_lets_less_through(harm_weight: float) -> None:
    rulings = people(7_000, rulings=2_000)
    found = propose(rulings, (), now_bp=9_000, harm_weight=harm_weight)
    assert isinstance(found, Proposal)
    assert abs(found.proceed_bp - best_bp(tolerance_bp=7_000, noise_bp=200, harm_weight=harm_weight)) <= 200


def test_what_is_expected_comes_true() -> None:
    """Autonomy and risk of the proposal, against ten thousand rulings of the same people that it has not seen."""
    found = propose(people(7_000), (), now_bp=9_000)
    assert isinstance(found, Proposal)
    after = people(7_000, rulings=10_000, seed=99)
    let_go = [one for one in after if one.confidence_bp >= found.proceed_bp]
    assert abs(len(let_go) / len(after) - found.autonomy) < 0.05
    assert abs(sum(not one.right for one in let_go) / len(let_go) - found.risk) < 0.01
    assert found.autonomy > found.autonomy_now


NONE = {
    "too few": people(7_000, rulings=RULINGS_MIN - 1),
    "always decided the same": tuple(replace(one, right=True) for one in people(7_000)),
    "people do not agree more often": tuple(replace(one, right=not one.right) for one in people(7_000)),
}


@pytest.mark.parametrize("why", sorted(NONE))
def test_when_there_is_nothing_to_propose(why: str) -> None:
    found = propose(NONE[why], (), now_bp=9_000)
    assert isinstance(found, str)
    assert why in found


def test_answers_that_part_cleanly_have_a_threshold_between() -> None:
    clean = people(7_000, noise_bp=0)
    found = propose(clean, (), now_bp=9_000)
    assert isinstance(found, Proposal)
    assert abs(found.proceed_bp - 7_000) <= 200


def test_the_curve() -> None:
    bins = bins_of(people(7_000))
    assert sum(one.rulings for one in bins) == 500
    assert is_monotone(bins)
    assert bins[0].share == 0.0
    assert bins[-1].share == 1.0
    assert all(one.low <= one.share <= one.high for one in bins)
    assert not is_monotone(bins_of(NONE["people do not agree more often"]))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_hold_the_share(counts: tuple[int, int]) -> None:
    right, rulings = counts
    low, high = wilson(right, rulings)
    assert 0 <= low <= right / rulings <= high <= 1


@given(st.lists(st.tuples(st.integers(0, 10_000), st.booleans()), max_size=120))
def test_whatever_people_rule_nothing_breaks(rows: list[tuple[int, bool]]) -> None:
    rulings = [Ruled(agent_id="a", task_type="t", confidence_bp=bp, right=right) for bp, right in rows]
    for curve in calibrate(rulings, (), now_bp=9_000):
        assert (curve.proposal is None) == bool(curve.why_not)
        if curve.proposal:
            assert 0 <= curve.proposal.autonomy <= 1
            assert 0 <= curve.proposal.risk <= 1
            assert bands_with(Bands(), [curve])


def test_each_agent_and_task_type_has_a_curve_of_its_own() -> None:
    strict = [replace(one, agent_id="ada") for one in people(8_000, seed=1)]
    easy = [replace(one, agent_id="bob") for one in people(6_000, seed=2)]
    curves = {(one.agent_id, one.task_type): one for one in calibrate([*strict, *easy], (), now_bp=9_000)}
    assert set(curves) == {("", ""), ("", "simulated"), ("ada", "simulated"), ("bob", "simulated")}
    ada, bob = curves["ada", "simulated"].proposal, curves["bob", "simulated"].proposal
    assert ada is not None and bob is not None
    assert ada.proceed_bp - bob.proceed_bp > 1_500
    bands = bands_with(Bands(), curves.values())
    for agent, proposal in (("ada", ada), ("bob", bob)):
        assert bands.bands_for(agent_id=agent, task_type="simulated").proceed_bp == proposal.proceed_bp
    assert bands_with(bands, curves.values()) == bands


def test_nothing_is_expected_where_nothing_passes() -> None:
    fitted = fit(people(7_000))
    assert fitted is not None
    assert expected(fitted, [5_000], 9_000) == (0.0, 0.0)


# ── from the records ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_which_rulings_count() -> None:
    house = await SmallHouse().open()
    review = await house.escalate()
    done = replace(review, state=ReviewState.CLOSED, approver=REVIEWER, outcome="approved")
    assert ruled_of(done) == Ruled(agent_id=house.agent.id, task_type="copy.post", confidence_bp=9_500, right=True)
    edited = ruled_of(replace(done, outcome="edited", about="afterwards"))
    assert edited is not None
    assert not edited.right
    for other in (
        replace(done, outcome="expired"), replace(done, outcome=""), replace(done, about="doubt"),
        replace(done, question=replace(done.question, risk="politics")),
        replace(done, question=replace(done.question, threat="HIGH")),
        replace(done, question=replace(done.question, shaped=("a link",))),
    ):  # fmt: skip
        assert ruled_of(other) is None
    house.rewrite(done)
    assert len(await ruled_in(house.office)) == 1
    assert await seen_in(house.office) == ((house.agent.id, "copy.post", 9_500),)
