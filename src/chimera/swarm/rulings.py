"""What a person's ruling leads to: a fresh question to the gate with the real approver and today's state.

Builds changes; may not commit them.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.agent import Account
from chimera.domain.budget import Hold, HoldState, Movement
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Deny, Question, Reason, Ruling
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.record import Record
from chimera.domain.review import Review, ReviewCommand, ReviewState
from chimera.domain.task import Task, TaskCommand
from chimera.governance.gate import Gate
from chimera.swarm import hearing
from chimera.swarm.hearing import Consequence, Occasion


class Settlement(Struct, frozen=True, kw_only=True):
    """What becomes of the money that was held for an act."""

    holds: tuple[Hold, ...] = ()
    movements: tuple[Movement, ...] = ()
    spent_micros: int = 0


def has_happened(review: Review) -> bool:
    """What a ruled review about a doubt says."""
    return review.state is ReviewState.APPROVED


def settlement(review: Review, hold: Hold | None) -> Settlement:
    """Only a person's word that it did not happen gives the money back: what may be gone is counted as gone."""
    if hold is None or hold.state is not HoldState.HELD:
        return Settlement()
    if review.state is ReviewState.REJECTED:
        released, movements = hold.released()
        return Settlement(holds=(released,), movements=movements)
    captured, movements = hold.captured(hold.amount_micros)
    return Settlement(holds=(captured,), movements=movements, spent_micros=hold.amount_micros)


def question_anew(
    review: Review,
    *,
    halted: tuple[str, ...],
    permissions: tuple[str, ...],
    accounts: tuple[Account, ...],
    recent: tuple[str, ...],
) -> Question:
    """The question as it stands today: the approver is real; halt, permissions and recent posts are as of now."""
    return msgspec.structs.replace(
        review.question,
        approver=review.approver,
        halted=halted,
        permissions=permissions,
        accounts=accounts,
        recent=recent,
    )


def after_ruling(review: Review, task: Task, question: Question, gate: Gate, occasion: Occasion) -> Consequence:
    """The step that closes a ruled review. Only an approval or an edit is asked of the gate at all."""
    if review.state in (ReviewState.APPROVED, ReviewState.EDITED):
        ruling = gate.decide(question)
        if not isinstance(ruling.decision, Allow):
            ruling = _no_again(ruling)
    else:
        ruling = Ruling(decision=Deny((_no_of(review),)), policy_digest=gate.policy_digest)
    return closing(review, hearing.ruled(task, question, ruling, occasion))


def _no_again(ruling: Ruling) -> Ruling:
    """A person has spoken and the gate still does not allow: that is a no, not another round."""
    return Ruling(decision=Deny(ruling.decision.reasons), policy_digest=ruling.policy_digest)


def _no_of(review: Review) -> Reason:
    if review.state is ReviewState.EXPIRED:
        return Reason("review-timeout", "nobody ruled in time, and silence is a no", "plan it again")
    by = review.approver.name if review.approver else "a person"
    return Reason("person-rejected", f"{by} rejected it: {review.note}"[:300], "mend what the note says")


def closing(review: Review, step: Consequence) -> Consequence:
    """The step with the review closed in the same change."""
    closed = review.after(ReviewCommand.CLOSE)
    change = msgspec.structs.replace(step.change, records=(*step.change.records, closed))
    return msgspec.structs.replace(step, change=change)


def looked_at(review: Review, *, at_us: int) -> Change:
    """Somebody has looked at what went out, or nobody has: the task has ended either way."""
    event = Event(
        kind=EventKind.REVIEW_CLOSED,
        subject=review.task_id,
        at_us=at_us,
        data={"review": review.id, "about": review.about, "ruling": review.outcome},
    )
    return Change(records=(review.after(ReviewCommand.CLOSE),), events=(event,))


def after_doubt(
    review: Review, task: Task, occasion: Occasion, *, settled: tuple[Record, ...], money: Settlement
) -> Consequence:
    """A person said whether the act happened. Approved means that it did; `settled` is what moves with it."""
    command = TaskCommand.FINISH if has_happened(review) else TaskCommand.FAIL
    after = replace(task.after(command), reason=f"ruled: {review.outcome}")
    event = Event(
        kind=EventKind.TASK_SETTLED,
        subject=task.id,
        at_us=occasion.at_us,
        data={
            "state": str(after.state),
            "ruling": review.outcome,
            "by": review.approver.name if review.approver else "",
            "spent_micros": money.spent_micros,
        },
    )
    step = Consequence(
        change=Change(records=(after, *money.holds, *settled), events=(event,), movements=money.movements), task=after
    )
    return closing(review, step)


def refused_by_store(
    review: Review, task: Task, refusal: Refused, policy_digest: str, occasion: Occasion
) -> Consequence:
    """The database refused what person and gate allowed: the denial is what is on record."""
    reason = Reason(refusal.code, refusal.message, refusal.remedy)
    ruling = Ruling(decision=Deny((reason,)), policy_digest=policy_digest)
    return closing(review, hearing.ruled(task, review.question, ruling, occasion))
