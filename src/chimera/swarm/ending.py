"""Drops tasks whose campaign's time is over, before anybody works on them. Begins nothing, and asks nobody."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.task import TIME_OVER, Task, TaskCommand
from chimera.pipeline.settling import followers
from chimera.ports.clock import Clock
from chimera.ports.store import Store
from chimera.swarm.loops import log


class Ending:
    """Looks at leased tasks. What has gone further has a grant or a review that ends at the same moment by itself."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def in_time(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those that may still begin; the others are dropped, with everything that waits for them."""
        now_us = self._clock.now_us()
        if not any(task.is_past(now_us) for task in tasks):
            return tasks
        for task in tasks:
            if task.is_past(now_us):
                await self._drop(task, now_us)
        return [task for task in tasks if not task.is_past(now_us)]

    async def _drop(self, task: Task, now_us: int) -> None:
        gone = replace(task.after(TaskCommand.DROP), reason=TIME_OVER)
        behind = await followers.dropped(self._store, task)
        data = {"campaign": task.campaign_id, "was": str(task.state), "why": TIME_OVER}
        event = Event(kind=EventKind.TASK_CANCELLED, subject=task.id, at_us=now_us, data=data)
        try:
            await self._store.commit(Change(records=(gone, *behind), events=(event,)))
        except Conflict:
            # Somebody ended it together with its campaign: nobody works on it either way.
            log.info("what was late had ended already", task=task.id)
