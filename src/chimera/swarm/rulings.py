"""What a person's ruling leads to: a fresh question to the gate with the real approver and today's state.

Builds changes; may not commit them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids, scopes
from chimera.domain.action import take_down_of
from chimera.domain.agent import Account, Agent
from chimera.domain.budget import Hold, HoldState, Movement
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Approver, Deny, Question, Reason, Ruling
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant, Performance
from chimera.domain.halt import Halt
from chimera.domain.labels import TRUSTED
from chimera.domain.quotas import POST_KINDS
from chimera.domain.record import Record
from chimera.domain.review import APPROVAL_SECONDS, Review, ReviewCommand, ReviewState
from chimera.domain.task import Task, TaskCommand, TaskState
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
    capabilities: tuple[str, ...],
    accounts: tuple[Account, ...],
    recent: tuple[str, ...],
    posts_per_day_max: int | None = None,
) -> Question:
    """The question as it stands today: the approver is real; halt, permissions and recent posts are as of now."""
    return msgspec.structs.replace(
        review.question,
        approver=review.approver,
        halted=halted,
        permissions=permissions,
        capabilities=capabilities,
        accounts=accounts,
        recent=recent,
        posts_per_day_max=posts_per_day_max,
    )


def after_ruling(review: Review, task: Task, question: Question, gate: Gate, occasion: Occasion) -> Consequence:
    """The step that closes a ruled review. Only an approval or an edit is asked of the gate at all."""
    if unfit := unfit_reason(review, task, at_us=occasion.at_us):
        ruling = Ruling(decision=Deny((unfit,)), policy_digest=gate.policy_digest)
    elif review.state in (ReviewState.APPROVED, ReviewState.EDITED):
        ruling = gate.decide(question)
        if not isinstance(ruling.decision, Allow):
            ruling = _no_again(ruling)
    else:
        ruling = Ruling(decision=Deny((_no_of(review),)), policy_digest=gate.policy_digest)
    return closing(review, hearing.ruled(task, question, ruling, occasion))


def unfit_reason(review: Review, task: Task, *, at_us: int) -> Reason | None:
    """Why a ruling is not good for this task: given about another, about another agent, or too long ago."""
    question = review.question
    asked = (question.task_id, question.agent_id, question.campaign_id)
    if asked != (task.id, task.agent_id, task.campaign_id) or review.task_id != task.id:
        return Reason("review-of-another", "the review is about another task or agent", "look at it again")
    if review.ruled_at_us and at_us > review.ruled_at_us + APPROVAL_SECONDS * 1_000_000:
        return Reason("approval-expired", "what was ruled is too long ago", "plan it again")
    return None


def still_approved(reviews: Iterable[Review], question: Question, *, at_us: int) -> Approver | None:
    """Who has approved exactly these bytes for this task, not too long ago, if the act has not happened since.

    Whoever asks knows the latter: a task whose act has happened is not worked on again.
    """
    newest = max((one for one in reviews if one.about == "action"), key=lambda one: one.opened_at_us, default=None)
    if newest is None or newest.state is not ReviewState.CLOSED or newest.outcome != ReviewState.APPROVED:
        return None
    recent = at_us <= newest.ruled_at_us + APPROVAL_SECONDS * 1_000_000
    same = newest.task_id == question.task_id and newest.action_digest == question.action.digest
    return newest.approver if recent and same else None


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


# ── looks afterwards ────────────────────────────────────────────────────────────────────────────────────────────────


def closed(review: Review, *, at_us: int, why: str) -> Change:
    """A review that leads to nothing more."""
    event = Event(
        kind=EventKind.REVIEW_CLOSED,
        subject=review.task_id,
        at_us=at_us,
        data={"review": review.id, "outcome": review.outcome, "why": why},
    )
    return Change(records=(review.after(ReviewCommand.CLOSE),), events=(event,))


def can_be_taken_down(review: Review) -> bool:
    """Whether what went out is a post. A payment that was made stays made."""
    return review.question.action.kind in POST_KINDS


def not_again(review: Review, *, at_us: int, halted: Collection[str]) -> Change:
    """A no to what cannot be taken back: whoever was paid is paid nothing more until a person resumes it."""
    recipient = review.question.action.recipient
    if not recipient:
        return closed(review, at_us=at_us, why="an act of this kind cannot be taken back")
    scope = scopes.recipient(recipient)
    ending = closed(review, at_us=at_us, why=f"nothing more is paid to {recipient[:100]} until a person resumes it")
    if scope in halted:
        return ending
    by = review.approver.name if review.approver else "a person"
    reason = f"{by} did not find a payment to it right: {review.note}"[:500]
    halt = Halt(id=ids.derive(review.id, "halt"), halted=scope, reason=reason, by=by, since_us=at_us)
    told = Event(kind=EventKind.HALTED, subject=halt.id, at_us=at_us, data={"scope": scope, "by": by, "reason": reason})
    return msgspec.structs.replace(ending, records=(*ending.records, halt), events=(told, *ending.events))


def waits_for_gate(order: Task) -> bool:
    """Whether an order is to be asked about. While it has a grant it was performed, and a person is asked whether."""
    return order.state is TaskState.HELD and order.grant_id is None


def order_of(review: Review, task: Task, *, at_us: int) -> tuple[Task, Change]:
    """A person's order to take something down, as a task that waits for the gate."""
    order = Task(
        id=review.order_id,
        campaign_id=task.campaign_id,
        agent_id=task.agent_id,
        spec=review.question.spec,
        key=f"take-down-{review.id[-12:]}",
        input={"grant": review.grant_id},
        order=review.id,
        labels=TRUSTED,
        due_at_us=at_us,
        state=TaskState.HELD,
    )
    by = review.approver.name if review.approver else ""
    data = {
        "review": review.id,
        "grant": review.grant_id,
        "task": order.id,
        "agent": task.agent_id,
        "by": by,
        "note": review.note,
    }
    event = Event(
        kind=EventKind.TAKE_DOWN_ORDERED, subject=order.id, at_us=at_us, data={**data, "agent": task.agent_id}
    )
    begins_in = hearing.scopes_of(review.question)
    return order, Change(records=(order,), events=(event,), begins_in=begins_in)


def take_down(review: Review, order: Task, grant: Grant, performance: Performance, agent: Agent) -> Question:
    """What the gate is asked about an order: exactly this post, in the name of whoever ordered it."""
    action = take_down_of(grant.action, performance.receipt)
    return msgspec.structs.replace(
        review.question,
        action=action,
        task_id=order.id,
        approver=review.approver,
        permissions=agent.retractable,
        accounts=agent.accounts,
        labels=TRUSTED,
        threat="LOW",
        shaped=(),
        kin=(),
        recent=(),
        confidence_bp=10_000,
        has_record=True,
    )
