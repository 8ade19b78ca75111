"""The judging loop of a manager: every result gets its verdict, its decision and its one commit."""

from __future__ import annotations

import asyncio

import msgspec

from chimera.domain import scopes
from chimera.domain.action import Action
from chimera.domain.attempt import Attempt, attempt_id
from chimera.domain.budget import combined
from chimera.domain.decision import Allow, Deny, Question, Reason, Ruling
from chimera.domain.draft import Judgement
from chimera.domain.errors import ChimeraError, Invalid, Refused
from chimera.domain.review import Review
from chimera.domain.spec import Spec
from chimera.domain.stages import over_actions
from chimera.domain.task import Task, TaskState
from chimera.domain.work import WORKERS_LOST, Assignment, Result
from chimera.governance import quotas, second_thoughts, taint
from chimera.governance.calls import of_tries
from chimera.pipeline.settling import followers
from chimera.ports.dispatch import Dispatch
from chimera.ports.model import ModelsFailed
from chimera.ports.store import Store
from chimera.swarm import hearing, rulings
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import Claiming
from chimera.swarm.concluding import Concluding
from chimera.swarm.court import Court
from chimera.swarm.excuses import Excuses
from chimera.swarm.hearing import Consequence, Occasion
from chimera.swarm.loops import in_step, log
from chimera.swarm.provenance import addressed, labelled, readable, require_recordable, threat_of
from chimera.swarm.recording import confidence_of
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster
from chimera.swarm.throttle import was_answered, was_asked

JUDGED_AT_ONCE_MAX = 1_024
JUDGE = "judge"
_POSTPONED = ("halted", "over_quota")


class Judging:
    """Runs judge and gate on results as they come, many at a time, each on its own."""

    def __init__(
        self,
        *,
        court: Court,
        store: Store,
        dispatch: Dispatch,
        claiming: Claiming,
        reserving: Reserving,
        roster: Roster,
        ready: Bell,
        concluding: Concluding,
    ) -> None:
        self._court = court
        self._store = store
        self._dispatch = dispatch
        self._claiming = claiming
        self._reserving = reserving
        self._roster = roster
        self._ready = ready
        self._concluding = concluding
        self._excuses = Excuses()
        self._hearings: set[asyncio.Task[None]] = set()

    async def once(self) -> bool:
        """Take the results that are there, and hear each of them."""
        results = await self._dispatch.results()
        if self._claiming.has_more:
            # There is room again: let the claiming loop look.
            self._ready.ring()
        while len(self._hearings) >= JUDGED_AT_ONCE_MAX:
            await asyncio.wait(self._hearings, return_when=asyncio.FIRST_COMPLETED)
        for result in results:
            hearing_task = asyncio.create_task(self._hear(result))
            self._hearings.add(hearing_task)
            hearing_task.add_done_callback(self._hearings.discard)
        return True

    async def close(self) -> None:
        """Give up hearings: what they are about is given back, or its leases run out."""
        for running in tuple(self._hearings):
            running.cancel()
        await asyncio.gather(*self._hearings, return_exceptions=True)

    async def _hear(self, result: Result) -> None:
        self._claiming.heard(result)
        assignment = self._claiming.take_back(result.task_id, result.task_version)
        if assignment is None:
            log.info("a late result is not taken", task=result.task_id)
            return
        try:
            await self._settle_or_fail(assignment, result)
        except ChimeraError as error:
            # The lease runs out and the task is worked on again; nothing is lost, nothing is done twice.
            log.warning("a result is not on record", task=result.task_id, why=str(error))
        except Exception:  # noqa: BLE001 – one poisoned task must not stop the shard; its lease runs out.
            log.exception("a hearing broke", task=result.task_id)
        self._claiming.over(assignment)

    async def _settle_or_fail(self, assignment: Assignment, result: Result) -> None:
        """What a worker hands in may be what no database can hold: then its attempt has failed."""
        spec = self._court.contracts.specs[assignment.spec.name]
        try:
            require_recordable(result, spec.limits)
            await in_step()
            await self._settle_result(assignment, result)
        except Invalid as error:
            why = f"what came cannot be recorded: {error.code}"
            failed = Result(task_id=result.task_id, task_version=result.task_version, failure=why)
            occasion = self._occasion(assignment)
            await self._commit(hearing.failed(assignment.task, failed, spec.limits, occasion))

    async def _settle_result(self, assignment: Assignment, result: Result) -> None:
        spec = self._court.contracts.specs[assignment.spec.name]
        occasion = self._occasion(assignment)
        if result.draft is None:
            return await self._settle_without_draft(assignment, spec, result, occasion)
        draft = labelled(result.draft, assignment)
        result = msgspec.structs.replace(result, draft=draft)
        try:
            with self._court.timed("judge"):
                judgement = await self._court.judge.assess(
                    assignment, draft, model=_answered_by(result), others=self._roster.confidences
                )
        except ChimeraError as error:
            why = f"the judge gave no verdict: {error.message} [{error.code}]"
            # The judge is this process's own: that it could not be asked is nobody's word.
            tried = of_tries(error.tries, digest=JUDGE) if isinstance(error, ModelsFailed) else ()
            failure = msgspec.structs.replace(result, draft=None, failure=why, worker="", calls=(*result.calls, *tried))
            return await self._commit(self._unmade(assignment.task, failure, spec, occasion))
        await in_step()
        if not judgement.verdict.accepted:
            return await self._commit(hearing.rejected(assignment, result, judgement, spec.limits, occasion))
        if draft.action is None:
            opened = await followers.opened(
                self._store, assignment.task, labels=draft.labels, attempt_id=attempt_id(assignment.task)
            )
            step = hearing.accepted(assignment, result, judgement, occasion, opened)
            await self._commit(step)
            return self._court.meter.decided(step.task, self._court.clock.now_us())
        await self._decide(assignment, spec, result, judgement, occasion)

    async def _settle_without_draft(
        self, assignment: Assignment, spec: Spec, result: Result, occasion: Occasion
    ) -> None:
        """No draft came: the work waits where nobody is to blame for it, and has failed otherwise."""
        if await self._was_halted(assignment, result):
            return await self._commit(
                hearing.postponed(assignment.task, occasion, why=result.failure, calls=result.calls)
            )
        if (until_us := await self._calls_again_us(assignment, result)) is not None:
            why = quotas.in_words(result.full_window, zone=self._court.treasury.zone)
            return await self._commit(
                hearing.postponed(assignment.task, occasion, why=why, calls=result.calls, until_us=until_us)
            )
        await self._commit(self._unmade(assignment.task, result, spec, occasion))

    def _unmade(self, task: Task, result: Result, spec: Spec, occasion: Occasion) -> Consequence:
        """No draft or no verdict came: a try that failed, the last one if it ends workers, or none if nobody answered.

        Where only one worker says so, or a provider was asked, that is no try so many times, and then it was one.
        """
        if not result.worker and result.failure.endswith(WORKERS_LOST):
            limits = msgspec.structs.replace(spec.limits, attempts_max=0)
            return hearing.failed(task, result, limits, occasion)
        if was_answered(result):
            self._excuses.forget(task.id)
            return hearing.failed(task, result, spec.limits, occasion)
        if not was_asked(result) and self._claiming.is_borne_out(result, task.spec.name):
            return hearing.postponed(task, occasion, why=result.failure, calls=result.calls)
        pause_seconds = self._excuses.pause_seconds(task.id)
        if pause_seconds is None:
            return hearing.failed(task, result, spec.limits, occasion)
        until_us = occasion.at_us + pause_seconds * 1_000_000
        return hearing.postponed(task, occasion, why=result.failure, calls=result.calls, until_us=until_us)

    def _occasion(self, assignment: Assignment) -> Occasion:
        """Now, with what was set aside for this task's models."""
        occasion, reserve = self._court.occasion(assignment.task), self._reserving.of(assignment.task)
        return occasion if reserve is None else msgspec.structs.replace(occasion, reserve=reserve)

    async def _was_halted(self, assignment: Assignment, result: Result) -> bool:
        """Whether a worker met a halt, and there is one that it can have met: then its failure is nobody's."""
        if not result.failure.endswith("[halted]"):
            return False
        task = assignment.task
        others = {scopes.agent(task.agent_id), scopes.campaign(task.campaign_id)}
        halted = await self._roster.halted()
        return any(one in others or not one.startswith(("agent:", "campaign:")) for one in halted)

    async def _calls_again_us(self, assignment: Assignment, result: Result) -> int | None:
        """When a network may be read again, if its calls are as used up as the worker says: then the work waits.

        What another agent has used up is no reason for this one's work to wait.
        """
        owner = result.full_window.partition("|")[0]
        if not owner or (owner.startswith("agent:") and owner != scopes.agent(assignment.task.agent_id)):
            return None
        found = await self._store.windows((result.full_window,))
        full = next((one for one in found if one.is_closed_to_reads), None)
        return None if full is None else quotas.opens_again_us(full.id, zone=self._court.treasury.zone)

    async def _decide(
        self, assignment: Assignment, spec: Spec, result: Result, judgement: Judgement, occasion: Occasion
    ) -> None:
        question = await self._question(assignment, spec, result, judgement)
        if question.halted:
            return await self._postpone(assignment, result, judgement, occasion, why=f"{question.halted[0]} is halted")
        if assignment.task.revision:
            question = await self._as_sure_as_before(question)
        question = await self._court.exactly(question)
        question = await self._court.vouching(await self._court.appraised(question))
        question = await self._approved_before(assignment.task, question, occasion)
        await in_step()
        with self._court.timed("gate"):
            ruling = self._court.gate.decide(question)
        occasion = self._court.counted(occasion, question, known=await self._roster.quotas())
        await in_step()
        if findings := self._to_mend(assignment.task, spec, question, ruling):
            step = hearing.sent_back(assignment, result, judgement, question, ruling, findings, occasion)
        else:
            step = hearing.decided(assignment, result, judgement, question, ruling, occasion)
        try:
            task = await self._concluded(step)
        except Refused as refusal:
            if refusal.code in _POSTPONED:
                self._court.forget(question)
                return await self._wait(assignment, result, judgement, occasion, refusal)
            if refusal.code != "over_budget":
                raise
            # The database refused what the gate allowed: the denial is what goes on record.
            denial = Deny((Reason(refusal.code, refusal.message, refusal.remedy),))
            ruling = Ruling(decision=denial, policy_digest=ruling.policy_digest)
            step = hearing.decided(assignment, result, judgement, question, ruling, occasion)
            task = await self._concluded(step)
        self._court.note(question, ruling)
        self._court.meter.decided(task, self._court.clock.now_us())
        if step.granted is not None:
            self._roster.said(assignment.task.agent_id, str(question.action.arguments.get("text", "")), question.labels)

    def _to_mend(self, task: Task, spec: Spec, question: Question, ruling: Ruling) -> tuple[str, ...]:
        """What the writer is to mend before a person is asked: as often as in any draft, for doubt alone once."""
        if not self._court.writes_anew or isinstance(ruling.decision, Allow):
            return ()
        if task.revision >= spec.limits.revisions_max:
            return ()
        findings = second_thoughts.mendable(ruling, self._court.gate.nominal(question))
        doubted = second_thoughts.DOUBT in task.feedback
        return () if doubted and findings == (second_thoughts.DOUBT,) else findings

    async def _as_sure_as_before(self, question: Question) -> Question:
        """Bytes that were judged before are no surer now: who is asked often enough would say anything."""
        attempts = await self._store.list(Attempt, scope=question.task_id)
        known = [one.question for one in attempts if one.question is not None]
        same = [one.confidence_bp for one in known if one.action.digest == question.action.digest]
        return msgspec.structs.replace(question, confidence_bp=min(question.confidence_bp, *same)) if same else question

    async def _approved_before(self, task: Task, question: Question, occasion: Occasion) -> Question:
        """What a person has approved and what is proven not to have happened is not asked of a person again.

        The approval only goes before the gate once more: today's policy, caps and halts decide (ADR-181). Where it
        does not suffice, the question is asked as if nobody had spoken.
        """
        if task.attempt <= 1:
            return question
        reviews = await self._store.list(Review, scope=task.id)
        approver = rulings.still_approved(reviews, question, at_us=occasion.at_us)
        if approver is None:
            return question
        approved = msgspec.structs.replace(question, approver=approver)
        return approved if isinstance(self._court.gate.decide(approved).decision, Allow) else question

    async def _wait(
        self, assignment: Assignment, result: Result, judgement: Judgement, occasion: Occasion, refusal: Refused
    ) -> None:
        """Nothing is wrong with the draft: a halt was met, or there were enough for now. Later it is written anew."""
        window, zone = refusal.where, self._court.treasury.zone
        if refusal.code == "halted":
            return await self._postpone(assignment, result, judgement, occasion, why=f"{window} is halted")
        why, until_us = quotas.in_words(window, zone=zone), quotas.opens_again_us(window, zone=zone)
        await self._postpone(assignment, result, judgement, occasion, why=why, until_us=until_us)

    async def _postpone(
        self, assignment: Assignment, result: Result, judgement: Judgement, occasion: Occasion, *, why: str,
        until_us: int | None = None,
    ) -> None:  # fmt: skip
        """Whether the gate sees the halt or the commit meets it: nothing is refused for good, and nothing is lost."""
        calls = (*result.calls, *judgement.calls)
        await self._commit(hearing.postponed(assignment.task, occasion, why=why, calls=calls, until_us=until_us))

    async def _question(self, assignment: Assignment, spec: Spec, result: Result, judgement: Judgement) -> Question:
        draft, task = result.draft, assignment.task
        assert draft is not None and draft.action is not None, "the gate is asked about actions"
        agent = (await self._roster.agents((task.agent_id,)))[task.agent_id]
        scopes = draft.action.scopes(agent_id=task.agent_id, campaign_id=task.campaign_id)
        halted = (await self._roster.halted()).intersection(scopes)
        return Question(
            action=self._court.fees.on(draft.action),
            spec=task.spec,
            risk=str(spec.risk),
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            disclosure=agent.persona.disclosure,
            permissions=agent.allowed,
            capabilities=agent.capabilities,
            accounts=agent.accounts,
            has_record=agent.rulings >= self._court.gate.record_rulings_min,
            confidence_bp=confidence_of(draft, judgement.verdict),
            labels=draft.labels,
            threat=threat_of(task, draft),
            halted=tuple(sorted(halted)),
            kin=self._roster.kin_among(agent, addressed(draft.action, task)),
            recent=self._recent_like(draft.action, task),
            shaped=taint.shaped_by(draft.action, readable(assignment)),
            avoid=agent.persona.avoid,
            posts_per_day_max=agent.schedule.posts_per_day_max,
            handover=over_actions(agent.handovers, is_answer=task.input_id is not None),
        )

    def _recent_like(self, action: Action, task: Task) -> tuple[str, ...]:
        """What was said lately, for what is said in public: what stays in the house may say it again."""
        if action.is_internal:
            return ()
        return self._roster.recent_like(task.agent_id, str(action.arguments.get("text", "")))

    async def _concluded(self, step: Consequence) -> Task:
        """The task as it stands after the commit: ended with its decision, where its act stays in the house."""
        ended = await self._concluding.conclude(step)
        if ended is None:
            # What is held and what its preparation cost fall into the same windows: each is looked up once.
            change = msgspec.structs.replace(step.change, movements=combined(step.change.movements))
            await self._commit(msgspec.structs.replace(step, change=change))
            return step.task
        # Nobody waited for it: what opens others does not end here.
        self._reserving.forget(ended.id)
        return ended

    async def _commit(self, step: Consequence) -> None:
        """The one commit. Whoever waited for a task that did not end well is dropped with it."""
        change = await followers.with_dropped(self._store, step.task, step.change)
        with self._court.timed("commit"):
            await self._store.commit(change)
        self._reserving.forget(step.task.id)
        if step.granted is not None:
            self._concluding.later(step.granted)
        # For what becomes ready later, or by a settlement, whoever makes it so rings.
        if any(isinstance(one, Task) and one.state is TaskState.READY for one in change.records):
            self._ready.ring()


def _answered_by(result: Result) -> str:
    """The model whose answer became the draft: the one that was asked last."""
    return next((call.name for call in reversed(result.calls) if call.kind == "model"), "")
