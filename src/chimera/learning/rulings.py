"""Finds in the records what people decided about confidence, and writes proposals as bands. Reads; applies nothing."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from chimera.domain.attempt import Attempt
from chimera.domain.confidence import Bands, Override
from chimera.domain.review import Review
from chimera.learning.calibration import Curve, Ruled
from chimera.ports.store import Reads, every

_RIGHT, _WRONG = ("approved",), ("rejected", "edited")
_APART_BP = 500
_LOWEST_BP = 100


async def ruled_in(reads: Reads) -> tuple[Ruled, ...]:
    """What people decided where confidence was the matter, before it happened or afterwards."""
    return tuple([found async for review in every(reads, Review) if (found := ruled_of(review)) is not None])


async def outcomes_in(reads: Reads) -> dict[str, str]:
    """What people ruled about each task before it happened."""
    return {one.task_id: one.outcome async for one in every(reads, Review) if one.outcome and one.about == "action"}


async def seen_in(reads: Reads) -> tuple[tuple[str, str, int], ...]:
    """Agent, task type and confidence of every act that the gate was asked about."""
    return tuple(
        [
            (one.question.agent_id, one.question.spec.name, one.question.confidence_bp)
            async for one in every(reads, Attempt)
            if one.question is not None and not one.question.action.is_internal
        ]
    )


def ruled_of(review: Review) -> Ruled | None:
    """The ruling, unless the review was about something else than how good the draft is, or nobody ruled.

    An edit says that the draft was not right as it stood.
    """
    question = review.question
    about_confidence = (
        review.about in ("action", "afterwards")
        and question.risk == "ordinary"
        and question.threat in ("LOW", "MEDIUM")
        and not question.shaped
    )
    if not about_confidence or review.outcome not in (*_RIGHT, *_WRONG):
        return None
    return Ruled(agent_id=review.agent_id, task_type=question.spec.name, confidence_bp=question.confidence_bp,
                 right=review.outcome in _RIGHT)  # fmt: skip


def bands_with(bands: Bands, curves: Iterable[Curve]) -> Bands:
    """The bands with every proposal in them: the fleet's own, and overrides for task types and agents."""
    proposed = [(curve, curve.proposal.proceed_bp) for curve in curves if curve.proposal is not None]
    kept = {(one.agent, one.task_type): one for one in bands.overrides}
    fleet = bands
    for curve, proceed_bp in proposed:
        proceed, monitored, human = _below(bands, proceed_bp)
        if not curve.agent_id and not curve.task_type:
            fleet = replace(bands, proceed_bp=proceed, monitored_bp=monitored, human_bp=human)
        else:
            kept[curve.agent_id, curve.task_type] = Override(
                agent=curve.agent_id, task_type=curve.task_type, proceed_bp=proceed, monitored_bp=monitored,
                human_bp=human,
            )  # fmt: skip
    return replace(fleet, overrides=tuple(kept.values()))


def _below(bands: Bands, proceed_bp: int) -> tuple[int, int, int]:
    """The lower bands stay where they are, unless the threshold has come down upon them."""
    monitored = min(bands.monitored_bp, proceed_bp - _APART_BP)
    human = max(_LOWEST_BP, min(bands.human_bp, monitored - _APART_BP))
    return proceed_bp, monitored, human
