"""What moves when a task ends: its dependents open, or are dropped with all behind them. May not write."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from chimera.domain.change import Change
from chimera.domain.labels import Labels
from chimera.domain.task import TASK_MACHINE, Task, TaskCommand, TaskState
from chimera.ports.store import Reads


async def opened(reads: Reads, task: Task, *, attempt_id: str, labels: Labels) -> tuple[Task, ...]:
    """The dependents of a task that ended well, one dependency nearer."""
    if not task.opens:
        return ()
    dependents = await reads.get_many(Task, task.opens)
    return tuple(one.opened_by(attempt_id, labels) for one in dependents if not one.is_final)


async def dropped(reads: Reads, task: Task) -> tuple[Task, ...]:
    """Everything that can no longer happen because a task did not end well."""
    gone: dict[str, Task] = {}
    frontier = task.opens
    while frontier:
        found = [
            one
            for one in await reads.get_many(Task, frontier)
            if one.id not in gone and TASK_MACHINE.allows(one.state, TaskCommand.DROP)
        ]
        gone.update(
            {one.id: replace(one.after(TaskCommand.DROP), reason=f"{task.key} did not end well") for one in found}
        )
        frontier = tuple({later for one in found for later in one.opens})
    return tuple(gone.values())


async def with_dropped(reads: Reads, task: Task, change: Change) -> Change:
    """The change that ends a task; where it does not end well, with everything that waited for it dropped."""
    if task.state not in (TaskState.REFUSED, TaskState.FAILED) or not task.opens:
        return change
    return msgspec.structs.replace(change, records=(*change.records, *await dropped(reads, task)))
