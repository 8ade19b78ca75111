"""Finds what fell between two steps when somebody crashed, and sets it going again. Every state has its way on."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

import msgspec

from chimera.domain.agent import Agent
from chimera.domain.budget import Hold
from chimera.domain.decision import Question
from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.grant import Grant, Performance, PerformanceState, Seal, SealState
from chimera.domain.granted import Granted
from chimera.domain.measurement import Measurement, MeasurementCommand, measurement_id
from chimera.domain.review import AFTERWARDS, Review, ReviewState
from chimera.domain.task import Task
from chimera.pipeline.settling import followers
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.swarm import hearing, rulings
from chimera.swarm.cancelling import Cancelling
from chimera.swarm.court import Court
from chimera.swarm.granting import Granting
from chimera.swarm.hearing import Consequence, Occasion
from chimera.swarm.loops import log
from chimera.swarm.performing import Performing
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster

ABANDONED_SECONDS = 10
QUOTA_LOOK_SECONDS = 30
_RULED = ("approved", "edited", "rejected", "expired")


class Sweeping:
    """Looks at granted, doubtful and ruled things that nobody in this process is at."""

    def __init__(
        self,
        *,
        court: Court,
        store: Store,
        settle: Settle,
        granting: Granting,
        performing: Performing,
        roster: Roster,
        shards: Sequence[int],
        reserving: Reserving | None = None,
    ) -> None:
        self._court = court
        self._store = store
        self._settle = settle
        self._granting = granting
        self._performing = performing
        self._reserving = reserving
        self._roster = roster
        self._shards = tuple(shards)
        self._cancelling = Cancelling(store=store, settle=settle, is_busy=self._is_busy)
        self._later: dict[str, int] = {}

    async def once(self) -> bool:
        """One round over everything. Never asks to be called again at once."""
        now_us = self._court.clock.now_us()
        self._later = {key: until_us for key, until_us in self._later.items() if until_us > now_us}
        for review in await self._store.list(Review, states=_RULED, shards=self._shards):
            if self._later.get(review.id, 0) <= self._court.clock.now_us():
                await self._guarded(review.task_id, self._rule_or_wait(review))
        await self._cancelling.once()
        await self._sweep_tasks()
        if self._reserving is not None:
            await self._reserving.release_expired()
        return False

    async def _sweep_tasks(self) -> None:
        """Granted and doubtful tasks that have not moved for a while."""
        before_us = self._court.clock.now_us() - ABANDONED_SECONDS * 1_000_000
        after = ""
        while page := await self._store.list(
            Task, states=("granted", "in_doubt"), shards=self._shards, due_before_us=before_us, after=after
        ):
            for task in page:
                await self._guarded(task.id, self._follow_up(task))
            after = page[-1].id

    async def _guarded(self, task_id: str, step: Awaitable[None]) -> None:
        try:
            await step
        except ChimeraError as error:
            log.info("swept again later", task=task_id, why=str(error))

    async def _follow_up(self, task: Task) -> None:
        grant_id = task.grant_id
        if grant_id is None or self._is_busy(grant_id):
            return
        granted = Granted(task=task, grant=await self._store.get(Grant, grant_id))
        seal = await self._store.find(Seal, grant_id)
        if seal is None:
            await self._seal_or_lapse(granted)
        elif seal.state is SealState.READY:
            self._performing.offer(grant_id)
        else:
            await self._follow_performance(granted)

    def _is_busy(self, grant_id: str) -> bool:
        return self._granting.knows(grant_id) or self._performing.knows(grant_id)

    async def _seal_or_lapse(self, granted: Granted) -> None:
        if await self._store.now_us() >= granted.grant.terms.expires_at_us:
            await self._settle.lapse(granted, None, why="expired before it was sealed", again=True)
        else:
            self._granting.offer(granted)

    async def _follow_performance(self, granted: Granted) -> None:
        performance = await self._store.find(Performance, granted.grant.id)
        if performance is None or performance.state in (PerformanceState.FINISHED, PerformanceState.FAILED):
            await self._settle.finish(granted, performance)
        elif performance.state is PerformanceState.IN_DOUBT and performance.needs_person:
            doubtful = await self._settle.finish(granted, performance)
            await self._settle.ask_person(doubtful or granted.task, performance)
        else:
            self._performing.recover(performance)

    async def _rule_or_wait(self, review: Review) -> None:
        """What was ruled waits where a quota is full, as it does in a halt. Somebody may raise it meanwhile."""
        try:
            await self._rule(review)
        except Refused as refusal:
            if refusal.code == "over_quota":
                self._later[review.id] = self._court.clock.now_us() + QUOTA_LOOK_SECONDS * 1_000_000
            raise

    async def _rule(self, review: Review) -> None:
        task = await self._store.find(Task, review.task_id)
        if task is None:
            # A decoy: there is nothing that anything could be done for.
            now_us = self._court.clock.now_us()
            return await self._store.commit(rulings.closed(review, at_us=now_us, why="it belongs to no task"))
        if review.about == AFTERWARDS:
            return await self._after_look(review, task)
        occasion = self._court.occasion(task)
        if review.about == "doubt":
            step = await self._after_doubt(review, task, occasion)
        else:
            step = await self._after_ruling(review, task, occasion)
        if step is not None:
            await self._commit(review, task, step, occasion)

    async def _after_look(self, review: Review, task: Task) -> None:
        """Nothing more; or a take-down, ordered in one commit and granted in the next; or no more of what cannot be."""
        occasion = self._court.occasion(task)
        if review.state is not ReviewState.REJECTED:
            return await self._store.commit(rulings.closed(review, at_us=occasion.at_us, why="it stays"))
        if not rulings.can_be_taken_down(review):
            halted = await self._store.halted()
            return await self._store.commit(rulings.not_again(review, at_us=occasion.at_us, halted=halted))
        if await self._halted(review.question):
            return None
        order = await self._ordered(review, task, occasion)
        if order.is_final:
            why = f"the take-down is {order.state}"
            await self._store.commit(rulings.closed(review, at_us=occasion.at_us, why=why))
        elif rulings.waits_for_gate(order) and order.due_at_us <= occasion.at_us:
            await self._take_down(review, order, occasion)

    async def _ordered(self, review: Review, task: Task, occasion: Occasion) -> Task:
        """The task of a take-down, on record from the first time on."""
        order, change = rulings.order_of(review, task, at_us=occasion.at_us)
        standing = await self._store.find(Task, order.id)
        if standing is None:
            harmed = await self._harmed(task)
            await self._store.commit(msgspec.structs.replace(change, records=(*change.records, *harmed)))
        return standing or order

    async def _harmed(self, task: Task) -> tuple[Measurement, ...]:
        """What was chosen for a post that a person wants gone has done harm: it is not chosen again."""
        found = await self._store.find(Measurement, measurement_id(task.id))
        return (found.after(MeasurementCommand.HARM),) if found and not found.has_harmed else ()

    async def _take_down(self, review: Review, order: Task, occasion: Occasion) -> None:
        """Ask the gate, in the name of whoever ordered it. While the scope is halted it waits."""
        question = rulings.take_down(
            review,
            order,
            await self._store.get(Grant, review.grant_id),
            await self._store.get(Performance, review.grant_id),
            await self._store.get(Agent, order.agent_id),
        )
        if await self._halted(question):
            return
        occasion = self._court.counted(occasion, question, known=await self._roster.quotas())
        step = hearing.ruled(order, question, self._court.gate.decide(question), occasion)
        await self._store.commit(step.change)
        if step.granted is not None:
            self._granting.offer(step.granted)

    async def _halted(self, question: Question) -> tuple[str, ...]:
        return tuple(sorted((await self._store.halted()).intersection(hearing.scopes_of(question))))

    async def _after_ruling(self, review: Review, task: Task, occasion: Occasion) -> Consequence | None:
        """None while its scope is halted: a ruling waits for the halt's end, like everything else."""
        halted = await self._halted(review.question)
        if halted and review.state in (ReviewState.APPROVED, ReviewState.EDITED):
            return None
        agent = await self._store.get(Agent, task.agent_id)
        question = rulings.question_anew(
            review,
            halted=halted,
            permissions=agent.allowed,
            capabilities=agent.capabilities,
            accounts=agent.accounts,
            recent=self._roster.recent(agent.id),
            posts_per_day_max=agent.schedule.posts_per_day_max,
        )
        question = await self._court.looked_at(question)
        question = await self._court.vouching(await self._court.appraised(question))
        occasion = self._court.counted(occasion, question, known=await self._roster.quotas())
        return rulings.after_ruling(review, task, question, self._court.gate, occasion)

    async def _after_doubt(self, review: Review, task: Task, occasion: Occasion) -> Consequence:
        grant = await self._store.get(Grant, task.grant_id or "")
        hold = await self._store.find(Hold, grant.hold_id) if grant.hold_id else None
        opened = await self._settle.opened(task) if rulings.has_happened(review) else ()
        return rulings.after_doubt(review, task, occasion, settled=opened, money=rulings.settlement(review, hold))

    async def _commit(self, review: Review, task: Task, step: Consequence, occasion: Occasion) -> None:
        try:
            await self._store.commit(await followers.with_dropped(self._store, step.task, step.change))
        except Refused as refusal:
            if refusal.code != "over_budget":
                raise
            step = rulings.refused_by_store(review, task, refusal, self._court.gate.policy_digest, occasion)
            await self._store.commit(await followers.with_dropped(self._store, step.task, step.change))
        if step.granted is not None:
            self._granting.offer(step.granted)
