"""Posts in their order, of networks that write whole seconds and list the newest first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def oldest_first(posts: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """By time; of the same second, the one that the network lists last came first."""
    return sorted(reversed(posts), key=lambda post: int(post["at_us"]))


def since(posts: Sequence[dict[str, Any]], arguments: dict[str, Any], *, limit_default: int) -> dict[str, Any]:
    """Those since the time that `after` is, oldest first, and what to give as `after` the next time."""
    after, limit = int(arguments.get("after", 0)), int(arguments.get("limit", limit_default))
    fresh = [one for one in oldest_first(posts) if int(one["at_us"]) > after][:limit]
    return {"posts": fresh, "next": max([after, *(int(one["at_us"]) for one in fresh)])}
