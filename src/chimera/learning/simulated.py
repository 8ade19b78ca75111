"""Reviewers with a known tolerance: is what we learn from people what they meant? Invents; leaves no record."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

from chimera.learning.calibration import HARM_WEIGHT, Ruled

LOW_BP, HIGH_BP = 5_000, 9_500


def simulated(*, tolerance_bp: int, noise_bp: int, rulings: int, draw: Callable[[], float]) -> tuple[Ruled, ...]:
    """Somebody who approves what is good enough. Confidence tells how good a draft is, give or take the noise.

    `draw` gives numbers between 0 and 1.
    """
    noise = NormalDist(0, max(1, noise_bp))
    return tuple(_ruled(tolerance_bp, LOW_BP + draw() * (HIGH_BP - LOW_BP), noise.inv_cdf(_inside(draw())))
                 for _ in range(rulings))  # fmt: skip


def best_bp(*, tolerance_bp: int, noise_bp: int, harm_weight: float = HARM_WEIGHT) -> float:
    """The best threshold for them, known because they are invented."""
    return tolerance_bp + NormalDist(0, max(1, noise_bp)).inv_cdf(harm_weight / (1 + harm_weight))


def _ruled(tolerance_bp: int, confidence_bp: float, noise_bp: float) -> Ruled:
    return Ruled(agent_id="simulated", task_type="simulated", confidence_bp=round(confidence_bp),
                 right=confidence_bp + noise_bp >= tolerance_bp)  # fmt: skip


def _inside(share: float) -> float:
    return min(1 - 1e-12, max(1e-12, share))
