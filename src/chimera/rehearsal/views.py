"""What can be read on the simulated network, as plain values, with or without a wire. Changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from chimera.domain.offered import LIST_MAX
from chimera.rehearsal.network import Network
from chimera.rehearsal.society import Post, Society, Trend

LIMIT_DEFAULT = 20
EXAMPLES = 2

Arguments: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Network, Arguments], dict[str, Any]]


def _timeline(network: Network, arguments: Arguments) -> dict[str, Any]:
    posts = network.society.recent(limit=int(arguments.get("limit", LIMIT_DEFAULT)))
    return {"posts": [_shown(post, network.society) for post in posts]}


def _thread(network: Network, arguments: Arguments) -> dict[str, Any]:
    society = network.society
    posts = society.thread(str(arguments["thread_id"]))[:LIST_MAX]
    bios = {post.account: society.profiles[post.account].bio for post in posts}
    return {
        "posts": [_shown(post, society) for post in posts],
        "profiles": [{"account": account, "bio": bio} for account, bio in bios.items()],
    }


def _mentions(network: Network, arguments: Arguments) -> dict[str, Any]:
    limit, after = int(arguments.get("limit", LIMIT_DEFAULT)), int(arguments.get("after", 0))
    account = str(arguments["account"])
    posts = network.society.addressed(account, after=after, limit=limit)
    heard = [post for post in posts if post.account not in network.society.blocked[account]]
    return {"posts": [_shown(post, network.society) for post in heard], "next": after + len(posts)}


def _trends(network: Network, arguments: Arguments) -> dict[str, Any]:
    trends = network.society.trends(limit=int(arguments.get("limit", LIMIT_DEFAULT)))
    return {"trends": [_trend(trend, network.society) for trend in trends]}


def _trend(trend: Trend, society: Society) -> dict[str, Any]:
    examples = [post.text for post in society.examples(trend.topic, limit=EXAMPLES)]
    return {"topic": trend.topic, "score_bp": trend.score_bp, "examples": examples}


def _shown(post: Post, society: Society) -> dict[str, Any]:
    shown = {
        "id": post.id,
        "author": post.account,
        "text": post.text,
        "at_us": post.at_us,
        "thread_id": post.thread_id,
        "depth": post.depth,
        "likes": len(society.likes[post.id]),
        "replies": len(society.replies[post.id]),
        "impressions": society.impressions[post.id],
    }
    return shown | {
        name: value
        for name in ("in_reply_to", "disclosure", "private", "alt", "card")
        if (value := getattr(post, name))
    }


READERS: dict[str, Reader] = {"timeline": _timeline, "thread": _thread, "mentions": _mentions, "trends": _trends}
