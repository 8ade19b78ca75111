"""What a hearing puts on record: the attempt, and the events of draft, decision and question. Decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chimera.domain.attempt import Attempt, attempt_id
from chimera.domain.decision import Question, Reason, Ruling
from chimera.domain.draft import Call, Draft, Judgement, Verdict
from chimera.domain.event import Event, EventKind
from chimera.domain.quoting import unquoted
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.domain.work import Assignment, Result


def attempt_of(
    assignment: Assignment,
    result: Result,
    judgement: Judgement,
    *,
    at_us: int = 0,
    question: Question | None = None,
    ruling: Ruling | None = None,
) -> Attempt:
    """The record from which the attempt can be replayed."""
    assert result.draft is not None, "an attempt is recorded once there is a draft"
    return Attempt(
        id=attempt_id(assignment.task),
        assignment=assignment,
        draft=result.draft,
        verdict=judgement.verdict,
        calls=result.calls,
        judge_calls=judgement.calls,
        question=question,
        ruling=ruling,
        at_us=at_us,
    )


def confidence_of(draft: Draft, verdict: Verdict) -> int:
    """The confidence that counts: the lower of the two."""
    return min(draft.confidence_bp, verdict.confidence_bp)


def drafting_of(attempt: Attempt) -> Event:
    """What goes on record of an attempt whose draft was good enough for the gate to be asked."""
    judgement = Judgement(verdict=attempt.verdict, calls=attempt.judge_calls)
    return _drafted(attempt.assignment.task, attempt.draft, attempt.calls, judgement, at_us=attempt.at_us, again=False)


def judging_of(assignment: Assignment, result: Result, judgement: Judgement, *, at_us: int, again: bool) -> Event:
    """What goes on record of a draft that was judged, whatever comes of it."""
    assert result.draft is not None, "only drafts are judged"
    return _drafted(assignment.task, result.draft, result.calls, judgement, at_us=at_us, again=again)


def _drafted(
    task: Task, draft: Draft, calls: tuple[Call, ...], judgement: Judgement, *, at_us: int, again: bool
) -> Event:
    verdict = judgement.verdict
    return Event(
        kind=EventKind.DRAFT_JUDGED,
        subject=task.id,
        at_us=at_us,
        data={
            "accepted": verdict.accepted,
            "confidence_bp": confidence_of(draft, verdict),
            "again": again,
            "agent": task.agent_id,
            "findings": [unquoted(finding) for finding in verdict.findings],
            "spec": str(task.spec),
            "attempt": task.attempt,
            "labels": list(draft.labels),
            "prompts": [call.prompt for call in calls if call.prompt],
            "cost_micros": sum(call.cost_micros for call in (*calls, *judgement.calls)),
        },
    )


def escalation_of(review: Review) -> Event:
    """What goes on record when a person is asked whether something may happen."""
    data = _decided(review.question, review.reasons, policy=review.policy, review=review.id, role=review.role)
    return Event(kind=EventKind.ACTION_ESCALATED, subject=review.task_id, at_us=review.opened_at_us, data=data)


def decision_of(
    kind: EventKind,
    task: Task,
    question: Question,
    ruling: Ruling,
    reasons: Sequence[Reason],
    *,
    at_us: int,
    more: Mapping[str, Any],
) -> Event:
    """What goes on record of what the gate said, or a person and the gate after them."""
    data = _decided(question, tuple(map(str, reasons)), policy=ruling.policy_digest, **more)
    return Event(kind=kind, subject=task.id, at_us=at_us, data=data)


def _decided(question: Question, reasons: Sequence[str], *, policy: str, **more: Any) -> dict[str, Any]:
    return {
        "action": question.action.kind,
        "platform": question.action.platform,
        "digest": question.action.digest,
        "agent": question.agent_id,
        "campaign": question.campaign_id,
        "spec": str(question.spec),
        "policy": policy[:16],
        "reasons": [unquoted(reason) for reason in reasons],
        "confidence_bp": question.confidence_bp,
        "threat": question.threat,
        "approver": question.approver.names if question.approver else "",
        **more,
    }
