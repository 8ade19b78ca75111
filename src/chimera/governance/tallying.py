"""Puts together what the books say of a campaign, or of all of an agent's. Reads only; knows no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt, latest
from chimera.domain.campaign import Campaign
from chimera.domain.figures import AgentFigures, CampaignFigures, PostFigures, by_variant, summed
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.measurement import Measurement
from chimera.domain.revenue import Revenue
from chimera.domain.review import AFTERWARDS, Review
from chimera.domain.task import Task, TaskState
from chimera.governance import costing
from chimera.ports.store import LIST_MAX, Reads, every

POSTS_MAX = 12
REPORT = "analytics.report"
TOPIC_CHARS_MAX = 200
Known: TypeAlias = tuple[Sequence[Measurement], Sequence[Measurement]]
KNOWN = ("measured", "void")


async def books_of(reads: Reads, campaign: Campaign) -> dict[str, Any]:
    """Costs, revenue, tasks by state, and the newest posts with what each cost and brought."""
    tasks, costs, revenues = await _read(reads, campaign)
    states = Counter(str(one.state) for one in tasks if one.is_final)
    posts = await _posts(reads, tasks, costs, revenues)
    return {
        "campaign": campaign.id,
        "goal": campaign.goal.text,
        "cost_micros": sum(costs.values()),
        "revenue_micros": sum(one.micros for one in revenues),
        "tasks": [{"state": state, "count": count} for state, count in sorted(states.items())],
        "posts": posts[-POSTS_MAX:],
    }


async def figures_of(reads: Reads, agent: Agent) -> AgentFigures:
    """One agent over all its campaigns; engagement is what each campaign's last report read on the network."""
    found = [await _campaign(reads, one) async for one in every(reads, Campaign, scope=agent.id)]
    known = [one async for one in every(reads, Measurement, scope=agent.id)]
    return summed(agent.name, found, by_variant(known))


async def known_of(reads: Reads, agent_id: str, *, since_us: int) -> Known:
    """What is known of an agent's last posts whose ways were chosen, and everything of theirs that ever did harm."""
    known: list[Measurement] = []
    after = ids.build(at_us=max(0, since_us), entropy=0)
    while page := await reads.list(Measurement, states=KNOWN, scope=agent_id, after=after):
        known, after = [*known, *page][-LIST_MAX:], page[-1].id
    return known, await reads.list(Measurement, states=("harmful",), scope=agent_id)


async def _campaign(reads: Reads, campaign: Campaign) -> CampaignFigures:
    tasks, costs, revenues = await _read(reads, campaign)
    rows = await _posts(reads, tasks, costs, revenues)
    posts = tuple(PostFigures(topic=row["topic"], cost_micros=row["cost_micros"], revenue_micros=row["revenue_micros"])
                  for row in rows)  # fmt: skip
    return CampaignFigures(
        campaign=campaign.id, goal=campaign.goal.text, cost_micros=sum(costs.values()),
        revenue_micros=sum(one.micros for one in revenues), tasks=Counter(str(one.state) for one in tasks),
        asked=await _asked(reads, tasks), posts=posts, **await _heard(reads, tasks),
    )  # fmt: skip


async def _read(reads: Reads, campaign: Campaign) -> tuple[list[Task], Mapping[str, int], list[Revenue]]:
    """A campaign's tasks, what each cost in micros, and what came back."""
    tasks = [one async for one in every(reads, Task, scope=campaign.id)]
    costs = {one: cost.total_micros for one, cost in (await costing.costs_of(reads, tasks)).items()}
    return tasks, costs, [one async for one in every(reads, Revenue, scope=campaign.id)]


async def _asked(reads: Reads, tasks: Sequence[Task]) -> int:
    """Before how many a person was asked, by the reviews of these tasks: those of the whole fleet are not read."""
    asked: set[str] = set()
    for part in costing.parts_of(tasks):
        reviews = await reads.list_of(Review, tuple(one.id for one in part))
        asked.update(one.task_id for one in reviews if one.about != AFTERWARDS)
    return len(asked)


async def _heard(reads: Reads, tasks: Sequence[Task]) -> dict[str, int]:
    """What the newest report that is done says of likes and replies; nothing where none was made."""
    reports = [one for one in tasks if one.spec.name == REPORT and one.state is TaskState.DONE]
    for task in reversed(reports):
        found = latest(await reads.list(Attempt, scope=task.id))
        if found is not None:
            figures = found.draft.output["figures"]
            return {name: int(figures[name]) for name in ("posts_read", "likes", "replies")}
    return {}


async def _posts(
    reads: Reads, tasks: Sequence[Task], costs: Mapping[str, int], revenues: Sequence[Revenue]
) -> list[dict[str, Any]]:
    """The posts that went out for the campaign's own goal."""
    brought: Counter[str] = Counter()
    for one in revenues:
        brought[one.task_id] += one.micros
    posts: list[dict[str, Any]] = []
    own = [one for one in tasks if one.input_id is None and one.grant_id is not None and not one.order]
    for part in costing.parts_of(own):
        acts = {
            one.id: one for one in await reads.get_many(Performance, [one.grant_id for one in part if one.grant_id])
        }
        rows = (_post(one, acts.get(one.grant_id or ""), costs[one.id], brought[one.id]) for one in part)
        posts += [row for row in rows if row is not None]
    return posts


def _post(task: Task, performance: Performance | None, cost_micros: int, brought: int) -> dict[str, Any] | None:
    receipt = performance.receipt if performance and performance.state is PerformanceState.FINISHED else None
    if performance is None or not receipt or not isinstance(receipt.get("id"), str):
        return None
    return {
        "post_id": receipt["id"],
        "platform": performance.platform,
        "topic": str(task.input.get("topic", ""))[:TOPIC_CHARS_MAX],
        "cost_micros": cost_micros,
        "revenue_micros": brought,
    }
