"""Moves a task that has not begun to another time, for a person. Writes as the office; begins and grants nothing.

The office may put a task into no other state than those of one that waits (domain/roles.py, ADR-089).
"""

from __future__ import annotations

from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Conflict, Invalid, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.record import next_version
from chimera.domain.task import TIME_OVER, Task, TaskState
from chimera.ports.store import Store

AHEAD_DAYS_MAX = 366
MOVABLE = (TaskState.WAITING, TaskState.READY)


class Rescheduling:
    """One task at a time, and only from the version that was looked at."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def move(self, task_id: str, *, to_us: int, version: int, by: str) -> Task:
        """The task, to be begun no earlier than that."""
        task = await self._store.get(Task, task_id)
        if task.version != version:
            raise Conflict("version_stale", f"the task is at version {task.version}, not {version}", where=task_id,
                           remedy="look at it again")  # fmt: skip
        if task.state not in MOVABLE:
            raise Refused("task_begun", f"the task is {task.state}: what has begun is not moved", where=task_id,
                          remedy="halt its campaign, or rule on its review")  # fmt: skip
        now_us = await self._store.now_us()
        _require_ahead(to_us, now_us)
        if task.is_past(to_us):
            raise Refused("time_past_end", f"{TIME_OVER} by then", where="at_us",
                          remedy="choose a time before the end of its goal, or open another campaign")  # fmt: skip
        after = replace(next_version(task), due_at_us=to_us, is_timed=True)
        data = {"campaign": task.campaign_id, "from_us": task.due_at_us, "to_us": to_us, "by": by}
        told = Event(kind=EventKind.TASK_RESCHEDULED, subject=task.id, at_us=now_us, data=data)
        await self._store.commit(Change(records=(after,), events=(told,)))
        return after


def _require_ahead(to_us: int, now_us: int) -> None:
    if not now_us <= to_us <= now_us + AHEAD_DAYS_MAX * DAY_US:
        raise Invalid("time_not_ahead", f"a task is moved to a time between now and {AHEAD_DAYS_MAX} days ahead",
                      where="at_us", remedy="choose a later time")  # fmt: skip
