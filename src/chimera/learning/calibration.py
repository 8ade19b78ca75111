"""How much a confidence is worth: what people decided at each level, and which thresholds follow. Applies nothing.

Confidence is in basis points. Shares are floats: they are estimates for people, and no money is near.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

from msgspec import Struct

BIN_BP = 500
RULINGS_MIN = 50
STEP_BP = 10
LOWEST_BP, HIGHEST_BP = 5_000, 9_900
# What a wrong act that went through costs, in needless holds.
HARM_WEIGHT = 9.0
_SCALE_BP = 1_000.0
_ROUNDS_MAX = 60
_RIDGE = 1e-3


class Ruled(Struct, frozen=True, kw_only=True):
    """One thing that a person decided about: how confident we were, and whether it was right as it stood."""

    agent_id: str
    task_type: str
    confidence_bp: int
    right: bool


class Bin(Struct, frozen=True, kw_only=True):
    """A stretch of the reliability curve: how often people agreed there, and between what that may lie."""

    from_bp: int
    to_bp: int
    rulings: int
    right: int
    share: float
    low: float
    high: float


class Proposal(Struct, frozen=True, kw_only=True):
    """A threshold from which acts need nobody, with what is to be expected of it."""

    proceed_bp: int
    standard_error_bp: int
    autonomy: float
    risk: float
    autonomy_now: float
    risk_now: float
    why: str


class Curve(Struct, frozen=True, kw_only=True):
    """What people's rulings say about one agent and task type; an empty name stands for all of them."""

    agent_id: str
    task_type: str
    rulings: int
    right: int
    bins: tuple[Bin, ...]
    proposal: Proposal | None
    why_not: str = ""


class Fit(Struct, frozen=True, kw_only=True):
    """The chance that people agree at a confidence: a logistic curve with its middle and its steepness."""

    offset: float
    slope: float
    offset_variance: float
    slope_variance: float
    covariance: float

    def chance(self, confidence_bp: float) -> float:
        """How likely people agree."""
        return _logistic(self.offset + self.slope * _scaled(confidence_bp))

    def confidence_at(self, chance: float) -> float:
        """The confidence at which people agree so often."""
        return _unscaled((math.log(chance / (1 - chance)) - self.offset) / self.slope)

    def standard_error_bp(self, chance: float) -> float:
        """How uncertain that confidence is (delta method)."""
        at = (math.log(chance / (1 - chance)) - self.offset) / self.slope
        variance = self.offset_variance + at * at * self.slope_variance + 2 * at * self.covariance
        return math.sqrt(max(0.0, variance)) / abs(self.slope) * _SCALE_BP


def _scaled(confidence_bp: float) -> float:
    return (confidence_bp - 7_500) / _SCALE_BP


def _unscaled(value: float) -> float:
    return value * _SCALE_BP + 7_500


def _logistic(value: float) -> float:
    if value >= 0:
        return 1 / (1 + math.exp(-value))
    return math.exp(value) / (1 + math.exp(value))


# ── the curve ───────────────────────────────────────────────────────────────────────────────────────────────────────


def bins_of(rulings: Iterable[Ruled], *, width_bp: int = BIN_BP) -> tuple[Bin, ...]:
    """The reliability curve, with Wilson's interval (95 %) for each stretch."""
    counted: dict[int, list[int]] = {}
    for one in rulings:
        place = min(max(one.confidence_bp, 0), 9_999) // width_bp
        row = counted.setdefault(place, [0, 0])
        row[0] += 1
        row[1] += one.right
    return tuple(_bin(place * width_bp, width_bp, *counted[place]) for place in sorted(counted))


def _bin(from_bp: int, width_bp: int, rulings: int, right: int) -> Bin:
    low, high = wilson(right, rulings)
    return Bin(from_bp=from_bp, to_bp=from_bp + width_bp, rulings=rulings, right=right, share=right / rulings, low=low,
               high=high)  # fmt: skip


def wilson(right: int, rulings: int, *, z: float = 1.96) -> tuple[float, float]:
    """Between what the true share lies, 19 times out of 20."""
    share, square = right / rulings, z * z / rulings
    middle = (share + square / 2) / (1 + square)
    reach = z * math.sqrt(share * (1 - share) / rulings + square / (4 * rulings)) / (1 + square)
    # Rounding must not leave the share outside its own interval.
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))


def fit(rulings: Sequence[Ruled]) -> Fit | None:
    """The logistic curve that the rulings make likeliest (Newton's method, a slight ridge); None if there is none."""
    points = [(_scaled(one.confidence_bp), float(one.right)) for one in rulings]
    offset, slope = 0.0, 0.0
    matrix = (1.0, 0.0, 1.0)
    for _ in range(_ROUNDS_MAX):
        gradient, matrix = _derivatives(points, offset, slope)
        step = _solved(matrix, gradient)
        if step is None:
            return None
        # Never more than a few units at once: where the answers part cleanly, the steepest curve is infinitely steep.
        offset, slope = offset + _bounded(step[0]), slope + _bounded(step[1])
        if abs(step[0]) + abs(step[1]) < 1e-9:
            break
    inverse = _inverse(matrix)
    if inverse is None or slope <= 0:
        return None
    return Fit(offset=offset, slope=slope, offset_variance=inverse[0], covariance=inverse[1],
               slope_variance=inverse[2])  # fmt: skip


def _bounded(step: float) -> float:
    return max(-5.0, min(5.0, step))


def _derivatives(
    points: Iterable[tuple[float, float]], offset: float, slope: float
) -> tuple[tuple[float, float], tuple[float, float, float]]:
    """Gradient and information of the ridged likelihood."""
    g0, g1, h00, h01, h11 = -_RIDGE * offset, -_RIDGE * slope, _RIDGE, 0.0, _RIDGE
    for x, y in points:
        chance = _logistic(offset + slope * x)
        weight, left = chance * (1 - chance), y - chance
        g0, g1 = g0 + left, g1 + left * x
        h00, h01, h11 = h00 + weight, h01 + weight * x, h11 + weight * x * x
    return (g0, g1), (h00, h01, h11)


def _inverse(matrix: tuple[float, float, float]) -> tuple[float, float, float] | None:
    h00, h01, h11 = matrix
    determinant = h00 * h11 - h01 * h01
    if determinant <= 1e-12:
        return None
    return h11 / determinant, -h01 / determinant, h00 / determinant


def _solved(matrix: tuple[float, float, float], gradient: tuple[float, float]) -> tuple[float, float] | None:
    inverse = _inverse(matrix)
    if inverse is None:
        return None
    a, b, c = inverse
    return a * gradient[0] + b * gradient[1], b * gradient[0] + c * gradient[1]


# ── the proposal ────────────────────────────────────────────────────────────────────────────────────────────────────


def calibrate(
    rulings: Iterable[Ruled], seen: Iterable[tuple[str, str, int]], *, now_bp: int, harm_weight: float = HARM_WEIGHT
) -> tuple[Curve, ...]:
    """The curve of everything, of each task type, and of each agent and task type.

    `seen` are agent, task type and confidence of every decision: what autonomy is expected from.
    """
    everything, confidences = list(rulings), list(seen)
    groups = [("", ""), *sorted({("", one.task_type) for one in everything}),
              *sorted({(one.agent_id, one.task_type) for one in everything})]  # fmt: skip
    return tuple(
        _curve(agent, task, [one for one in everything if agent in ("", one.agent_id) and task in ("", one.task_type)],
               [bp for who, what, bp in confidences if agent in ("", who) and task in ("", what)], now_bp, harm_weight)
        for agent, task in groups
    )  # fmt: skip


def _curve(
    agent: str, task: str, rulings: Sequence[Ruled], confidences: Sequence[int], now_bp: int, harm_weight: float
) -> Curve:
    found = propose(rulings, confidences, now_bp=now_bp, harm_weight=harm_weight)
    return Curve(
        agent_id=agent,
        task_type=task,
        rulings=len(rulings),
        right=sum(one.right for one in rulings),
        bins=bins_of(rulings),
        proposal=found if isinstance(found, Proposal) else None,
        why_not=found if isinstance(found, str) else "",
    )


def propose(
    rulings: Sequence[Ruled], confidences: Sequence[int], *, now_bp: int, harm_weight: float = HARM_WEIGHT
) -> Proposal | str:
    """The threshold above which letting go costs less than holding; or why there is none to propose.

    A hold is needless where people would have agreed. Letting go is worth it where they agree so often that
    `harm_weight` times the chance of a wrong act is less than the chance of a needless hold.
    """
    if len(rulings) < RULINGS_MIN:
        return f"{len(rulings)} rulings are too few; {RULINGS_MIN} at least"
    if all(one.right for one in rulings) or not any(one.right for one in rulings):
        return "people always decided the same: nothing tells good from bad"
    fitted = fit(rulings)
    if fitted is None:
        return "people do not agree more often when confidence is higher: it says nothing here"
    chance = harm_weight / (1 + harm_weight)
    best = fitted.confidence_at(chance)
    proceed_bp = min(HIGHEST_BP, max(LOWEST_BP, round(best / STEP_BP) * STEP_BP))
    return _proposal(fitted, confidences or [one.confidence_bp for one in rulings], proceed_bp, now_bp, chance)


def _proposal(fitted: Fit, confidences: Sequence[int], proceed_bp: int, now_bp: int, chance: float) -> Proposal:
    autonomy, risk = expected(fitted, confidences, proceed_bp)
    autonomy_now, risk_now = expected(fitted, confidences, now_bp)
    return Proposal(
        proceed_bp=proceed_bp,
        standard_error_bp=round(fitted.standard_error_bp(chance)),
        autonomy=autonomy,
        risk=risk,
        autonomy_now=autonomy_now,
        risk_now=risk_now,
        why=f"from {proceed_bp / 100:.1f} % on, people are expected to agree at least {chance:.0%} of the time",
    )


def expected(fitted: Fit, confidences: Sequence[int], threshold_bp: int) -> tuple[float, float]:
    """Which share would need nobody, and which share of that is expected to be wrong."""
    let_go = [bp for bp in confidences if bp >= threshold_bp]
    if not let_go:
        return 0.0, 0.0
    return len(let_go) / len(confidences), sum(1 - fitted.chance(bp) for bp in let_go) / len(let_go)


def is_monotone(bins: Sequence[Bin]) -> bool:
    """Whether no later stretch is surely worse than one before it."""
    return all(later.high >= earlier.low for earlier, later in pairwise(bins))
