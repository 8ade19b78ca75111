"""Puts together what the books say of a campaign, for whoever reports on it. Reads only; knows no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from chimera.domain.campaign import Campaign
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.revenue import Revenue
from chimera.domain.task import Task
from chimera.governance import costing
from chimera.ports.store import Reads, every

POSTS_MAX = 12
TOPIC_CHARS_MAX = 200


async def books_of(reads: Reads, campaign: Campaign) -> dict[str, Any]:
    """Costs, revenue, tasks by state, and the newest posts with what each cost and brought."""
    tasks = [one async for one in every(reads, Task, scope=campaign.id)]
    costs = {one.id: (await costing.task_cost(reads, one)).total_micros for one in tasks}
    revenues = [one async for one in every(reads, Revenue, scope=campaign.id)]
    states = Counter(str(one.state) for one in tasks if one.is_final)
    posts = [row for one in tasks if (row := await _post(reads, one, costs[one.id], revenues)) is not None]
    return {
        "campaign": campaign.id,
        "goal": campaign.goal.text,
        "cost_micros": sum(costs.values()),
        "revenue_micros": sum(one.micros for one in revenues),
        "tasks": [{"state": state, "count": count} for state, count in sorted(states.items())],
        "posts": posts[-POSTS_MAX:],
    }


async def _post(reads: Reads, task: Task, cost_micros: int, revenues: Sequence[Revenue]) -> dict[str, Any] | None:
    """One post that went out for the campaign's own goal."""
    if task.input_id is not None or task.grant_id is None or task.order:
        return None
    performance = await reads.find(Performance, task.grant_id)
    receipt = performance.receipt if performance and performance.state is PerformanceState.FINISHED else None
    if performance is None or not receipt or not isinstance(receipt.get("id"), str):
        return None
    brought = sum(one.micros for one in revenues if one.task_id == task.id)
    return {
        "post_id": receipt["id"],
        "platform": performance.platform,
        "topic": str(task.input.get("topic", ""))[:TOPIC_CHARS_MAX],
        "cost_micros": cost_micros,
        "revenue_micros": brought,
    }
