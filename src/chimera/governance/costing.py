"""Finds what single tasks cost. Reads only; the arithmetic is `domain.costing`."""

from __future__ import annotations

from chimera.domain.attempt import Attempt
from chimera.domain.budget import Hold
from chimera.domain.costing import TaskCost, cost_of, hold_ids
from chimera.domain.task import Task
from chimera.ports.store import Reads


async def task_cost(reads: Reads, task: Task) -> TaskCost:
    """What this task cost so far."""
    holds = await reads.get_many(Hold, tuple(hold_ids(task)))
    attempts = await reads.list(Attempt, scope=task.id)
    return cost_of(task, holds=holds, attempts=attempts)


async def task_costs(reads: Reads, campaign_id: str, *, after: str = "", limit: int = 50) -> tuple[TaskCost, ...]:
    """What each task of a campaign cost, in the order in which they were planned."""
    tasks = await reads.list(Task, scope=campaign_id, after=after, limit=limit)
    return tuple([await task_cost(reads, task) for task in tasks])
