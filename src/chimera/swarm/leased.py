"""What a manager has leased until what came of it is on record, and giving it back where somebody else goes on with it.

What is given back was no try, and is no lost lease; what was set aside for it goes back with it. Works on none of it,
and ends none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from msgspec.structs import replace

from chimera.domain.budget import Hold
from chimera.domain.change import Change, joined
from chimera.domain.errors import ChimeraError, Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.task import Task
from chimera.governance.model_holds import released
from chimera.ports.clock import Clock
from chimera.ports.store import Store
from chimera.swarm.loops import log
from chimera.swarm.suspected import Suspected

WAITS = "its lease was lost {count} times: it waits until fewer tasks of which that is so are under way"
ENDED = "its manager ended in order"
# Whoever hands a slot over waits no longer than that: what is not given back by then is leased again as if it was lost.
GIVES_BACK_SECONDS_MAX = 0.7

# What is set aside for a task as it was leased, if anything is.
HeldFor = Callable[[Task], Hold | None]


def _nothing(_: Task) -> None:
    return None


class Leased:
    """Of one manager; which tasks that lost leases are under way is known to all managers of its process."""

    def __init__(
        self, *, store: Store, clock: Clock, suspected: Suspected | None = None, held: HeldFor = _nothing
    ) -> None:
        self._store = store
        self._clock = clock
        self._suspected = suspected or Suspected(clock)
        self._held = held
        self._tasks: dict[str, Task] = {}

    def take(self, tasks: Sequence[Task]) -> None:
        """These are leased by us from now on."""
        self._tasks.update([(task.id, task) for task in tasks])

    async def few_of(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that may go now; of those that lost leases some are given back, to be looked at again soon."""
        going = self._suspected.few_of(tasks)
        if len(going) == len(tasks):
            return tasks
        kept, now_us = {task.id for task in going}, await self._store.now_us()
        back = [
            postponed(task, why=WAITS.format(count=task.leases_lost), now_us=now_us,
                      until_us=self._suspected.back_us(now_us))
            for task in tasks if task.id not in kept
        ]  # fmt: skip
        log.info("tasks that lost leases wait for each other", waiting=len(back))
        await self._put_back(back)
        return going

    def only(self, going: Sequence[Task], *, among: Sequence[Task]) -> Sequence[Task]:
        """Of these so many go to workers; the others are nothing of ours any more."""
        if len(going) < len(among):
            kept = {task.id for task in going}
            for task in among:
                if task.id not in kept:
                    self.over(task)
        return going

    def over(self, task: Task) -> None:
        """What came of it is on record, or this lease of it is left to run out."""
        if self._tasks.get(task.id, task).version == task.version:
            self._tasks.pop(task.id, None)
            self._suspected.over(task.id)

    async def give_back(self) -> None:
        """We end in order: all that is leased may be leased by somebody else at once."""
        now_us, tasks = self._clock.now_us(), tuple(self._tasks.values())
        for task in tasks:
            self.over(task)
        back = [self._ended(task, now_us) for task in tasks if task.due_at_us > now_us]
        try:
            async with self._clock.timeout(GIVES_BACK_SECONDS_MAX):
                await self._put_back(back)
        except (ChimeraError, TimeoutError) as error:
            log.info("not all that was leased is given back", tasks=len(tasks), why=str(error) or "it takes too long")

    def _ended(self, task: Task, now_us: int) -> Change:
        back, hold = postponed(task, why=ENDED, now_us=now_us, until_us=now_us), self._held(task)
        return back if hold is None else joined((back, released(hold, at_us=now_us)))

    async def _put_back(self, changes: Iterable[Change]) -> None:
        """Each by itself: a task that has ended meanwhile keeps no other from it."""
        await asyncio.gather(*(self._put(change) for change in changes))

    async def _put(self, change: Change) -> None:
        try:
            await self._store.commit(change)
        except Conflict as error:
            if error.code == "writer_fenced":
                raise
            log.info("what was to be given back has gone on", task=change.records[0].id)


def postponed(task: Task, *, why: str, now_us: int, until_us: int) -> Change:
    """The leased task given back until then, on record. Nobody has worked on it for this lease."""
    data = {"why": why, "agent": task.agent_id, "spec": str(task.spec), "cost_micros": 0}
    event = Event(kind=EventKind.TASK_POSTPONED, subject=task.id, at_us=now_us, data=data)
    return Change(records=(replace(task.given_back(until_us), reason=why),), events=(event,))
