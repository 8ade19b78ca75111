"""Finds what single tasks cost. Reads only; the arithmetic is `domain.costing`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from chimera.domain.attempt import Attempt
from chimera.domain.budget import Hold
from chimera.domain.costing import TaskCost, cost_of, hold_ids
from chimera.domain.task import Task
from chimera.ports.store import Reads

# Of so many tasks holds and attempts are in memory at once.
TASKS_AT_ONCE_MAX = 100


async def task_cost(reads: Reads, task: Task) -> TaskCost:
    """What this task cost so far."""
    return (await costs_of(reads, [task]))[task.id]


async def costs_of(reads: Reads, tasks: Sequence[Task]) -> dict[str, TaskCost]:
    """What each of these tasks cost, by its id, in their order: two questions for so many of them."""
    costs: dict[str, TaskCost] = {}
    for part in parts_of(tasks):
        wanted = {task.id: tuple(hold_ids(task)) for task in part}
        holds = {one.id: one for one in await reads.get_many(Hold, tuple(chain.from_iterable(wanted.values())))}
        attempts: dict[str, list[Attempt]] = {task.id: [] for task in part}
        for attempt in await reads.list_of(Attempt, tuple(attempts)):
            attempts[attempt.scope].append(attempt)
        costs.update(
            (task.id, cost_of(task, holds=[holds[one] for one in wanted[task.id] if one in holds],
                              attempts=attempts[task.id])) for task in part)  # fmt: skip
    return costs


async def task_costs(reads: Reads, campaign_id: str, *, after: str = "", limit: int = 50) -> tuple[TaskCost, ...]:
    """What each task of a campaign cost, in the order in which they were planned."""
    tasks = await reads.list(Task, scope=campaign_id, after=after, limit=limit)
    return tuple((await costs_of(reads, tasks)).values())


def parts_of(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    """So many at once that what belongs to them is in memory together."""
    return (tasks[start : start + TASKS_AT_ONCE_MAX] for start in range(0, len(tasks), TASKS_AT_ONCE_MAX))
