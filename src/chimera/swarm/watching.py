"""Keeps hot state: notes what agents do as tasks go out and come back, and builds it anew from the store after a loss.

Never in the way of a task: pulses are gathered, sent in batches, and lost when the server is away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from chimera.domain.agent import Agent
from chimera.domain.errors import Unavailable
from chimera.domain.recent import Recent
from chimera.domain.record import Record
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Assignment, Result
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch
from chimera.ports.hot import HotState, Pulse, Status
from chimera.ports.store import LIST_MAX, Reads
from chimera.swarm.loops import log

R = TypeVar("R", bound=Record)
# So many assignments are remembered until their results come: of one that never does, nothing is noted.
OUT_MAX = 65_536
# Whoever builds it and dies leaves it to the next one after so long.
BUILDING_SECONDS_MAX = 5.0

STATUS_OF = {
    TaskState.LEASED: Status.WORKING,
    TaskState.GRANTED: Status.ACTING,
    TaskState.IN_DOUBT: Status.WAITING,
    TaskState.HELD: Status.WAITING,
}


class Watching:
    """What is noted waits for the next round; only the last pulse of an agent is kept until then."""

    def __init__(self, *, hot: HotState, reads: Reads, clock: Clock) -> None:
        self._hot = hot
        self._reads = reads
        self._clock = clock
        self._pulses: dict[str, Pulse] = {}
        self._counted: Counter[str] = Counter()

    def note(self, agent_id: str, status: Status, *, task_id: str = "") -> None:
        """An agent does something now."""
        now_us = self._clock.now_us()
        self._pulses[agent_id] = Pulse(agent_id=agent_id, status=status, task_id=task_id, at_us=now_us)
        self._counted[str(status)] += 1

    async def once(self) -> bool:
        """Send what was noted; build all of it anew if the server has forgotten it.

        False, however much there was: whoever looks at agents does so a few times a second, and what is noted until
        then goes together, of an agent only the last.
        """
        pulses, counted = tuple(self._pulses.values()), self._counted
        self._pulses, self._counted = {}, Counter()
        try:
            # One builds for all: of a hundred managers that find it empty, ninety-nine need not read the fleet.
            if not await self._hot.is_whole() and await self._hot.may_build(seconds=BUILDING_SECONDS_MAX):
                await self.rebuild()
            await self._hot.beat(pulses)
            await self._hot.count(counted)
        except Unavailable:
            log.debug("hot state is away: it is built anew when it is there again")
        return False

    async def rebuild(self) -> int:
        """Every agent's pulse from what the store says; how many."""
        now_us = self._clock.now_us()
        agents = await self._reads.versions(Agent)
        pulses = {one: Pulse(agent_id=one, status=Status.IDLE, at_us=now_us) for one in agents}
        moving = await self._all(Task, states=tuple(map(str, STATUS_OF)))
        for task in moving:
            status = STATUS_OF[task.state]
            pulses[task.agent_id] = Pulse(agent_id=task.agent_id, status=status, task_id=task.id, at_us=now_us)
        await self._hot.beat(tuple(pulses.values()))
        await self._hot.begin(Counter(str(STATUS_OF[task.state]) for task in moving))
        return len(pulses)

    async def _all(self, kind: type[R], *, states: Sequence[str] = ()) -> list[R]:
        found: list[R] = []
        while page := await self._reads.list(kind, states=states, after=found[-1].id if found else "", limit=LIST_MAX):
            found.extend(page)
        return found


class WatchedDispatch:
    """Implements `ports.dispatch.Dispatch` around another, and notes who works."""

    def __init__(self, dispatch: Dispatch, watching: Watching) -> None:
        self._dispatch = dispatch
        self._watching = watching
        self._agents: Recent[str, str] = Recent(OUT_MAX)

    @property
    def room(self) -> int:
        """That of the one behind."""
        return self._dispatch.room

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """Their agents work now."""
        for one in assignments:
            self._agents[one.task.id] = one.task.agent_id
            self._watching.note(one.task.agent_id, Status.WORKING, task_id=one.task.id)
        await self._dispatch.send(assignments)

    async def results(self) -> tuple[Result, ...]:
        """Their agents are idle again."""
        found = await self._dispatch.results()
        for result in found:
            if (agent_id := self._agents.pop(result.task_id, None)) is not None:
                self._watching.note(agent_id, Status.IDLE)
        return found

    async def close(self) -> None:
        """The one behind."""
        await self._dispatch.close()
