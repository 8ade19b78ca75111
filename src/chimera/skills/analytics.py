"""Says what a campaign brought and cost. Reads; proposes to keep the report in the house.

The figures are the books' and the network's own: the model writes words about them and cannot change one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
from msgspec import Struct

from chimera.domain.draft import Draft
from chimera.domain.errors import Missing, Unavailable
from chimera.skills.desk import Desk

ONE_BP = 10_000
DONE = "done"

Row = dict[str, Any]


class Heard(Struct, frozen=True, kw_only=True):
    """What the network itself says of one post."""

    topic: str
    likes: int
    replies: int

    @property
    def engagements(self) -> int:
        """Everything that somebody did about it."""
        return self.likes + self.replies


async def report(desk: Desk) -> Draft:
    """The campaign's figures, with what they mean in the model's words."""
    asked = desk.assignment.task.input
    heard = [found for post in asked["posts"] if (found := await _heard(desk, post)) is not None]
    figures = figures_of(asked, heard)
    envelope = await desk.ask({"input": asked, "figures": figures, "per_post": msgspec.to_builtins(heard)})
    return desk.note(envelope, more={"figures": figures})


def figures_of(asked: Row, heard: Sequence[Heard]) -> Row:
    """The figures, as whole numbers; what cannot be computed from anything is zero."""
    posts, cost, revenue = len(asked["posts"]), asked["cost_micros"], asked["revenue_micros"]
    engagements = sum(one.engagements for one in heard)
    ended = {row["state"]: row["count"] for row in asked["tasks"]}
    all_tasks = sum(ended.values())
    return {
        "posts": posts,
        "posts_read": len(heard),
        "likes": sum(one.likes for one in heard),
        "replies": sum(one.replies for one in heard),
        "engagements_per_post_millis": engagements * 1_000 // len(heard) if heard else 0,
        "cost_micros": cost,
        "cost_per_post_micros": sum(row["cost_micros"] for row in asked["posts"]) // posts if posts else 0,
        "cost_per_engagement_micros": cost // engagements if engagements else 0,
        "revenue_micros": revenue,
        "return_bp": (revenue - cost) * ONE_BP // cost if cost else 0,
        "completion_bp": ended.get(DONE, 0) * ONE_BP // all_tasks if all_tasks else 0,
        "best_topic": _best_topic(heard),
    }


def _best_topic(heard: Sequence[Heard]) -> str:
    """The topic whose posts did best on average; none where nobody did anything."""
    by_topic: dict[str, list[int]] = {}
    for one in heard:
        by_topic.setdefault(one.topic, []).append(one.engagements)
    means = {topic: sum(found) / len(found) for topic, found in by_topic.items() if any(found)}
    return max(means, key=lambda topic: (means[topic], topic), default="")


async def _heard(desk: Desk, post: Row) -> Heard | None:
    """The post as it stands on the network; None where it is gone, or nobody answers."""
    asked = {"platform": post["platform"], "thread_id": post["post_id"]}
    try:
        content = (await desk.read("thread", asked)).content
    except (Missing, Unavailable):
        return None
    found: object = content.get("posts")
    rows = (
        [cast("Row", row) for row in cast("list[object]", found) if isinstance(row, dict)]
        if isinstance(found, list)
        else []
    )
    own = next((row for row in rows if row.get("id") == post["post_id"]), None)
    if own is None:
        return None
    return Heard(topic=post["topic"], likes=_count(own.get("likes")), replies=_count(own.get("replies")))


def _count(value: object) -> int:
    """A network's figure, as far as it is one."""
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0
