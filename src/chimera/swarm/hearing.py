"""What follows from a result: the one change that holds its verdict, the gate's decision, the money and the events.

Builds changes; may not commit them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import budget, costing, ids
from chimera.domain.budget import Hold, Movement
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Decision, Deny, Escalate, Question, Reason, Ruling
from chimera.domain.draft import Call, Judgement
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import GRANT_SECONDS_MAX, Grant, Terms
from chimera.domain.granted import Granted
from chimera.domain.quoting import unquoted
from chimera.domain.record import Record
from chimera.domain.review import REVIEW_SECONDS, Review
from chimera.domain.spec import Limits
from chimera.domain.spending import Appraisal, Spending
from chimera.domain.task import Task, TaskCommand
from chimera.domain.work import Assignment, Result
from chimera.governance import treasury
from chimera.swarm.recording import attempt_of, decision_of, escalation_of, judging_of

RETRY_SECONDS = 2
HALTED_SECONDS = 10
# What refusals of answers and calls say to whoever reads them while there are tries left. Of the last try it is not so.
TRIED_AGAIN = " (the task is tried again by itself)"
_DECIDED: dict[type[Decision], str] = {Allow: "approved", Escalate: "asked", Deny: "refused"}


class Consequence(Struct, frozen=True, kw_only=True):
    """A change, and what its success sets free."""

    change: Change
    task: Task
    granted: Granted | None = None


class Occasion(Struct, frozen=True, kw_only=True):
    """The time of the decision, the windows of its money and its quotas, and what was set aside for models."""

    at_us: int
    windows: tuple[str, ...]
    reserve: Hold | None = None
    quotas: tuple[str, ...] = ()


def failed(task: Task, result: Result, limits: Limits, occasion: Occasion) -> Consequence:
    """No draft came: try again a little later, or give up."""
    again = task.attempt < limits.attempts_max
    command = TaskCommand.RETRY if again else TaskCommand.FAIL
    why = (result.failure if again else result.failure.replace(TRIED_AGAIN, ""))[:500]
    after = replace(
        task.after(command),
        leases_lost=0,
        due_at_us=occasion.at_us + RETRY_SECONDS * 1_000_000 * task.attempt,
        reason=why,
    )
    event = Event(
        kind=EventKind.WORK_FAILED,
        subject=task.id,
        at_us=occasion.at_us,
        data={
            "attempt": task.attempt,
            "again": again,
            "agent": task.agent_id,
            "spec": str(task.spec),
            "why": unquoted(why),
            "cost_micros": result.cost_micros,
        },
    )
    return Consequence(change=_change((after,), (event,), occasion, calls=result.calls), task=after)


def postponed(
    task: Task, occasion: Occasion, *, why: str, calls: tuple[Call, ...], until_us: int | None = None
) -> Consequence:
    """A halt, a full quota, nobody there to ask: the lease is given back, what it cost counts, and it was no try."""
    due_us = occasion.at_us + HALTED_SECONDS * 1_000_000 if until_us is None else until_us
    after = replace(task.given_back(due_us), reason=why[:500])
    cost_micros = sum(call.cost_micros for call in calls)
    data = {"why": why[:500], "agent": task.agent_id, "spec": str(task.spec), "cost_micros": cost_micros}
    event = Event(kind=EventKind.TASK_POSTPONED, subject=task.id, at_us=occasion.at_us, data=data)
    return Consequence(change=_change((after,), (event,), occasion, calls=calls), task=after)


def rejected(
    assignment: Assignment, result: Result, judgement: Judgement, limits: Limits, occasion: Occasion
) -> Consequence:
    """The judge did not accept: revise with what it found, at most so often."""
    task, verdict = assignment.task, judgement.verdict
    again = task.revision < limits.revisions_max
    after = (
        _revised(task, verdict.findings, occasion)
        if again
        else replace(task.after(TaskCommand.REFUSE), reason="; ".join(verdict.findings)[:500] or "not accepted")
    )
    attempt = attempt_of(assignment, result, judgement, at_us=occasion.at_us)
    event = judging_of(assignment, result, judgement, at_us=occasion.at_us, again=again)
    return _judged(result, judgement, after, occasion, records=(attempt,), event=event)


def sent_back(
    assignment: Assignment,
    result: Result,
    judgement: Judgement,
    question: Question,
    ruling: Ruling,
    findings: tuple[str, ...],
    occasion: Occasion,
) -> Consequence:
    """The gate did not allow it for what its writer can mend: written anew, before a person is asked about it."""
    after = _revised(assignment.task, findings, occasion)
    attempt = attempt_of(assignment, result, judgement, at_us=occasion.at_us, question=question, ruling=ruling)
    told = msgspec.structs.replace(
        judgement, verdict=msgspec.structs.replace(judgement.verdict, accepted=False, findings=findings)
    )
    event = judging_of(assignment, result, told, at_us=occasion.at_us, again=True)
    return _judged(result, judgement, after, occasion, records=(attempt,), event=event)


def _revised(task: Task, findings: tuple[str, ...], occasion: Occasion) -> Task:
    return replace(
        task.after(TaskCommand.RETRY), revision=task.revision + 1, leases_lost=0, feedback=findings,
        due_at_us=occasion.at_us,
    )  # fmt: skip


def accepted(
    assignment: Assignment, result: Result, judgement: Judgement, occasion: Occasion, followers: Sequence[Record]
) -> Consequence:
    """Good, and nothing to be done in the world: the task is done, and what waited for it moves on."""
    after = assignment.task.after(TaskCommand.ACCEPT)
    attempt = attempt_of(assignment, result, judgement, at_us=occasion.at_us)
    event = judging_of(assignment, result, judgement, at_us=occasion.at_us, again=False)
    return _judged(result, judgement, after, occasion, records=(attempt, *followers), event=event)


def _judged(
    result: Result, judgement: Judgement, after: Task, occasion: Occasion, *, records: Sequence[Record], event: Event
) -> Consequence:
    """The verdict on record, with what worker and judge paid for models."""
    change = _change((after, *records), (event,), occasion, calls=_calls(result, judgement))
    return Consequence(change=change, task=after)


def decided(
    assignment: Assignment, result: Result, judgement: Judgement, question: Question, ruling: Ruling, occasion: Occasion
) -> Consequence:
    """Good, and an action is proposed: verdict and decision in one change, with the hold."""
    attempt = attempt_of(assignment, result, judgement, at_us=occasion.at_us, question=question, ruling=ruling)
    judged = judging_of(assignment, result, judgement, at_us=occasion.at_us, again=False)
    step = ruled(assignment.task, question, ruling, occasion)
    ended, movements = _paid(occasion, _calls(result, judgement))
    change = msgspec.structs.replace(
        step.change,
        records=(*step.change.records, attempt, *ended),
        events=(judged, *step.change.events),
        movements=(*step.change.movements, *movements),
    )
    return msgspec.structs.replace(step, change=change)


def ruled(task: Task, question: Question, ruling: Ruling, occasion: Occasion) -> Consequence:
    """What the gate's answer does to the task: a grant with its hold, a review, or a refusal."""
    match ruling.decision:
        case Allow(reasons, obligations):
            step = _granted(task, question, ruling, reasons, obligations, occasion)
        case Escalate(reasons, role):
            step = _escalated(task, question, ruling, reasons, role, occasion)
        case Deny(reasons):
            step = _denied(task, question, ruling, reasons, occasion)
    return step if question.appraisal is None else _with_word(step, question, ruling.decision, question.appraisal)


def _with_word(step: Consequence, question: Question, decision: Decision, appraisal: Appraisal) -> Consequence:
    """The step with the CFO's word on record, and what became of it."""
    task = step.task
    record = Spending(
        id=ids.at_time(appraisal.payment.at_us, task.id, str(task.version)),
        appraisal=appraisal,
        task_id=task.id,
        grant_id=step.granted.grant.id if step.granted else "",
        approver=question.approver.name if question.approver else "",
        decided=_DECIDED[type(decision)],
    )
    change = msgspec.structs.replace(step.change, records=(*step.change.records, record))
    return msgspec.structs.replace(step, change=change)


def _granted(
    task: Task,
    question: Question,
    ruling: Ruling,
    reasons: Sequence[Reason],
    obligations: Sequence[str],
    occasion: Occasion,
) -> Consequence:
    grant = grant_of(task, question, ruling, reasons, obligations, occasion)
    holds, movements = _hold_for(grant, occasion)
    after = replace(task.after(TaskCommand.GRANT), grant_id=grant.id, due_at_us=occasion.at_us)
    event = decision_of(
        EventKind.ACTION_GRANTED,
        task,
        question,
        ruling,
        reasons,
        at_us=occasion.at_us,
        more={"grant": grant.id, "obligations": list(obligations), "hold_micros": grant.action.cost_micros},
    )
    change = Change(records=(after, grant, *holds), events=(event,), movements=movements, begins_in=scopes_of(question))
    return Consequence(
        change=change, task=after, granted=Granted(task=after, grant=grant, hold=next(iter(holds), None))
    )


def grant_of(
    task: Task,
    question: Question,
    ruling: Ruling,
    reasons: Sequence[Reason],
    obligations: Sequence[str],
    occasion: Occasion,
) -> Grant:
    """The permission for exactly these bytes, once, for a while."""
    action = question.action
    grant_id = ids.derive(task.id, "grant", str(task.version))
    terms = Terms(
        grant_id=grant_id,
        task_id=task.id,
        campaign_id=task.campaign_id,
        agent_id=task.agent_id,
        action_digest=action.digest,
        action_kind=action.kind,
        platform=action.platform,
        cost_micros=action.cost_micros,
        expires_at_us=task.by_its_end(occasion.at_us + GRANT_SECONDS_MAX * 1_000_000),
        policy_digest=ruling.policy_digest,
        approver=question.approver.names if question.approver else "",
        word=question.approver.word if question.approver else "",
    )
    hold_id = ids.derive(grant_id, "hold") if action.cost_micros or occasion.quotas else None
    return Grant(
        id=grant_id,
        terms=terms,
        action=action,
        reasons=tuple(map(str, reasons)),
        obligations=tuple(obligations),
        hold_id=hold_id,
    )


def _hold_for(grant: Grant, occasion: Occasion) -> tuple[tuple[Hold, ...], tuple[Movement, ...]]:
    if grant.hold_id is None:
        return (), ()
    terms, action = grant.terms, grant.action
    paid = treasury.paid_windows(
        occasion.windows, action=action, agent_id=terms.agent_id, campaign_id=terms.campaign_id
    )
    hold = Hold(
        id=grant.hold_id,
        task_id=terms.task_id,
        amount_micros=action.cost_micros,
        windows=paid if action.cost_micros else (),
        expires_at_us=terms.expires_at_us,
        category=action.category,
        quotas=occasion.quotas,
    )
    return (hold,), hold.opening()


def _escalated(
    task: Task, question: Question, ruling: Ruling, reasons: Sequence[Reason], role: str, occasion: Occasion
) -> Consequence:
    after = task.after(TaskCommand.ESCALATE)
    review = Review(
        id=ids.derive(task.id, "review", str(task.version)),
        task_id=task.id,
        campaign_id=task.campaign_id,
        agent_id=task.agent_id,
        question=question,
        reasons=tuple(map(str, reasons)),
        role=role,
        opened_at_us=occasion.at_us,
        deadline_us=task.by_its_end(occasion.at_us + _seconds_for(question) * 1_000_000),
        policy=ruling.policy_digest,
    )
    return Consequence(change=Change(records=(after, review), events=(escalation_of(review),)), task=after)


def _seconds_for(question: Question) -> int:
    """How long a person has: as the manifest's mark says, where that is why they are asked."""
    return question.handover.seconds if question.handover else REVIEW_SECONDS


def _denied(
    task: Task, question: Question, ruling: Ruling, reasons: Sequence[Reason], occasion: Occasion
) -> Consequence:
    after = replace(task.after(TaskCommand.REFUSE), reason="; ".join(map(str, reasons))[:500])
    event = decision_of(EventKind.ACTION_DENIED, task, question, ruling, reasons, at_us=occasion.at_us, more={})
    return Consequence(change=Change(records=(after,), events=(event,)), task=after)


def scopes_of(question: Question) -> tuple[str, ...]:
    """Every scope whose halt stops what the question is about."""
    return question.action.scopes(agent_id=question.agent_id, campaign_id=question.campaign_id)


def _calls(result: Result, judgement: Judgement) -> tuple[Call, ...]:
    return (*result.calls, *judgement.calls)


def _change(
    records: tuple[Record, ...], events: tuple[Event, ...], occasion: Occasion, *, calls: tuple[Call, ...]
) -> Change:
    ended, movements = _paid(occasion, calls)
    return Change(records=(*records, *ended), events=events, movements=movements)


def _paid(occasion: Occasion, calls: tuple[Call, ...]) -> tuple[tuple[Record, ...], tuple[Movement, ...]]:
    cost_micros = sum(call.cost_micros for call in calls)
    parts = costing.parts_of(calls) if occasion.reserve is not None else {}
    return budget.settled(occasion.reserve, occasion.windows, cost_micros, parts=parts)
