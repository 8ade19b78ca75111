"""The claiming loop of a manager: leases ready tasks, gives them their context, sends them to workers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chimera.domain import wallets
from chimera.domain.agent import Account, Agent
from chimera.domain.attempt import Attempt
from chimera.domain.change import Change
from chimera.domain.errors import Unavailable
from chimera.domain.grant import Performance
from chimera.domain.task import Task
from chimera.domain.work import CONTINUING, Assignment, Material, Result
from chimera.governance.entrusted import Entrusted
from chimera.learning.recollection import Recollection
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch
from chimera.ports.store import LIST_MAX, Store
from chimera.swarm.leased import Leased
from chimera.swarm.loops import log
from chimera.swarm.preparing import Preparing
from chimera.swarm.reserving import OUTLIVES_LEASE_SECONDS
from chimera.swarm.roster import Roster
from chimera.swarm.throttle import Throttle

CLAIMED_AT_ONCE_MAX = 256
LEASE_SECONDS = 120.0


class Claiming:
    """Knows which assignments are out, by task. A result for anything else is not taken."""

    def __init__(
        self,
        *,
        store: Store,
        dispatch: Dispatch,
        roster: Roster,
        shards: Sequence[int],
        clock: Clock,
        preparing: Preparing | None = None,
        entrusted: Entrusted | None = None,
        recollection: Recollection | None = None,
    ) -> None:
        self._recollection = recollection
        self._leased = preparing.leased if preparing is not None else Leased(store=store, clock=clock)
        self._entrusted = entrusted or Entrusted()
        self._store = store
        self._preparing = preparing
        self._dispatch = dispatch
        self._roster = roster
        self._shards = tuple(shards)
        self._clock = clock
        self._out: dict[str, Assignment] = {}
        self._waits = True
        self._throttle = Throttle(clock)
        self._held_back: frozenset[str] = frozenset()

    @property
    def limited(self) -> frozenset[str]:
        """The task types that models turn away now: what is new of them is claimed in its turn."""
        return self._throttle.limited

    @property
    def held_back(self) -> frozenset[str]:
        """Those of them of which tasks wait already: of these nothing new is planned."""
        return self._held_back & self._throttle.limited

    @property
    def has_more(self) -> bool:
        """Whether more may be ready than was claimed. For what becomes ready later, whoever makes it so rings."""
        return self._waits

    @property
    def spare(self) -> int:
        """How many workers are idle while nothing waits to be claimed: what is planned now may go straight to them."""
        return 0 if self._waits else self._dispatch.room

    def more_is_ready(self) -> None:
        """Something waits for a worker: until it was looked for, nothing new passes it."""
        self._waits = True

    async def once(self) -> bool:
        """Claim as much as workers have room for and models let through; whether anything was claimed."""
        await self._tell()
        self._forget_lost()
        room = min(self._dispatch.room, CLAIMED_AT_ONCE_MAX)
        if room <= 0:
            self._waits = True
            return False
        most = self._throttle.most(self._out_of)
        tasks = await self._store.claim(shards=self._shards, limit=room, lease_seconds=LEASE_SECONDS, most=most)
        # Whoever waits goes first: while there may be more than was claimed, nothing passes the queue.
        self._waits = len(tasks) == room
        self._held_back = frozenset(name for name, count in most.items() if _count_of(name, tasks) >= count)
        await self.take_on(tasks)
        return bool(tasks)

    async def take_on(self, tasks: Sequence[Task]) -> None:
        """Send leased tasks to workers; those of which something is still to be chosen wait for their time."""
        self._leased.take(tasks)
        if self._preparing is not None:
            tasks = self._leased.only(await self._preparing.prepare(tasks), among=tasks)
        if tasks:
            assignments = await self._assign(tasks)
            self._leased.only([one.task for one in assignments], among=tasks)
            for assignment in assignments:
                self._out.pop(assignment.task.id, None)
                self._out[assignment.task.id] = assignment
                self._entrusted.give(assignment)
            await self._dispatch.send(assignments)

    def heard(self, result: Result) -> None:
        """A result came, late or not: what its models said counts for what is sent next of its task type."""
        if assignment := self._out.get(result.task_id):
            self._throttle.heard(result, assignment.spec.name, self._out_of)

    def is_borne_out(self, result: Result, task_type: str) -> bool:
        """Whether more than one worker process says that nobody could be asked, or this process itself."""
        return self._throttle.is_borne_out(result, task_type)

    def take_back(self, task_id: str, version: int) -> Assignment | None:
        """The assignment that a result belongs to, once; None when its lease is not the one that we gave."""
        assignment = self._out.get(task_id)
        if assignment is None or assignment.task.version != version:
            return None
        self._entrusted.take(assignment)
        return self._out.pop(task_id)

    def over(self, assignment: Assignment) -> None:
        """It was heard: what came of it is on record, or its lease is left to run out."""
        self._leased.over(assignment.task)

    def _forget_lost(self) -> None:
        """What never came back: its worker is gone, and somebody else has the task, or it has ended without us."""
        lost_us = self._clock.now_us() - OUTLIVES_LEASE_SECONDS * 1_000_000
        # In the order in which they were leased: the first that may still come ends the search.
        while self._out and (first := next(iter(self._out.values()))).task.due_at_us < lost_us:
            self._entrusted.take(first)
            del self._out[first.task.id]
            self._leased.over(first.task)

    def _out_of(self, task_type: str) -> int:
        """How many of a task type are out under a lease that has not run out."""
        now_us = self._clock.now_us()
        return sum(one.spec.name == task_type and one.task.due_at_us > now_us for one in self._out.values())

    async def _tell(self) -> None:
        """Why work waits is on record, for whoever asks."""
        if told := self._throttle.to_tell(manager=self._store.writer):
            await self._store.commit(Change(events=told))
            self._throttle.told(told)

    async def _assign(self, tasks: Sequence[Task]) -> list[Assignment]:
        agents = await self._roster.agents(task.agent_id for task in tasks)
        sources = sorted({source for task in tasks for source in task.sources})
        attempts = {one.id: one for one in await self._store.get_many(Attempt, sources[:LIST_MAX])} if sources else {}
        memories = await self._recalled(tasks)
        published = await self._published(tasks, attempts)
        return [
            self._assignment(task, agents[task.agent_id], attempts, memories.get(task.id, ()), published)
            for task in tasks
            if task.agent_id in agents
        ]

    async def _published(self, tasks: Sequence[Task], attempts: Mapping[str, Attempt]) -> Mapping[str, str]:
        """Under which name the network has what the tasks go on from, by attempt. Most tasks go on from nothing."""
        wanted = {source for task in tasks if task.spec.name in CONTINUING for source in task.sources}
        names: dict[str, str] = {}
        for source in wanted & attempts.keys():
            acts = await self._store.list(Performance, states=("finished",), scope=attempts[source].scope, limit=1)
            names[source] = str((acts[0].receipt or {}).get("id", "")) if acts else ""
        return names

    async def _recalled(self, tasks: Sequence[Task]) -> Mapping[str, tuple[Material, ...]]:
        """What is remembered about them. Work without memories is better than no work."""
        if self._recollection is None:
            return {}
        try:
            return await self._recollection.for_tasks(tasks)
        except Unavailable as error:
            log.info("tasks go without memories", why=str(error))
            return {}

    def _assignment(
        self, task: Task, agent: Agent, attempts: Mapping[str, Attempt], memories: tuple[Material, ...],
        published: Mapping[str, str],
    ) -> Assignment:  # fmt: skip
        materials = [_material_of(attempts[source], published.get(source, ""))
                     for source in task.sources if source in attempts]  # fmt: skip
        account = _account_for(task, agent)
        return Assignment(
            task=task,
            persona=agent.persona,
            account=account.handle if account else "",
            permissions=agent.permissions,
            materials=tuple(materials),
            memories=memories,
            deadline_us=task.due_at_us,
            recent=self._roster.recent(agent.id),
            recent_labels=self._roster.recent_labels(agent.id),
            platform=account.platform if account else "",
        )


def _count_of(task_type: str, tasks: Sequence[Task]) -> int:
    return sum(task.spec.name == task_type for task in tasks)


def _account_for(task: Task, agent: Agent) -> Account | None:
    """As whom it acts: for a payment on a chain its wallet there, otherwise its first account."""
    chain = wallets.chain_of(task.input.get("recipient"))
    if chain:
        return agent.account_on(chain)
    return agent.accounts[0] if agent.accounts else None


def _material_of(attempt: Attempt, published: str) -> Material:
    return Material(name=attempt.assignment.task.key, content=attempt.draft.output, labels=attempt.draft.labels,
                    published=published)  # fmt: skip
