"""What can be read on Threads, as plain values in the form of every network here. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from chimera.connectors.social import times
from chimera.connectors.social.order import oldest_first, since
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.wire import Unreadable

PAGE = 100
LIMIT_DEFAULT = 20
FIELDS = "id,text,username,timestamp,replied_to,root_post"
Arguments: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, Arguments], Awaitable[dict[str, Any]]]


def at_us(post: dict[str, Any]) -> int:
    """When it was said."""
    return times.us_of(post.get("timestamp", ""))


def answers_of(post: dict[str, Any]) -> str:
    """The post that it answers; "" for none."""
    return str(post.get("replied_to", {}).get("id", ""))


async def author_of(session: Session, post_id: str) -> str:
    """Whose a post is, with the @; "" if there is none."""
    reply = await session.get(f"/v1.0/{post_id}", {"fields": "username"})
    # For what is not there it has no status of its own: a bad request, and a code.
    if reply.status in (400, 404):
        return ""
    if not reply.is_good:
        raise Unreadable(reply)
    return f"@{reply.body['username']}"


async def _search(session: Session, arguments: Arguments) -> dict[str, Any]:
    asked = {"q": str(arguments["words"]), "search_type": "RECENT"}
    return {"posts": await _posts(session, "/v1.0/keyword_search", asked, arguments)}


async def _thread(session: Session, arguments: Arguments) -> dict[str, Any]:
    root = await session.told(f"/v1.0/{arguments['thread_id']}", {"fields": FIELDS})
    others = await _posts(session, f"/v1.0/{arguments['thread_id']}/conversation", {}, {"limit": PAGE})
    return {"posts": oldest_first((*others, _shown(root)))}


async def _mentions(session: Session, arguments: Arguments) -> dict[str, Any]:
    """Oldest first, those since the time that `after` is."""
    posts = await _posts(session, "/v1.0/me/mentions", {}, {"limit": PAGE})
    return since(posts, arguments, limit_default=LIMIT_DEFAULT)


async def _posts(session: Session, path: str, query: dict[str, Any], arguments: Arguments) -> list[dict[str, Any]]:
    limit = int(arguments.get("limit", LIMIT_DEFAULT))
    told = await session.told(path, {**query, "fields": FIELDS, "limit": limit})
    return [_shown(one) for one in told.get("data", ())][:limit]


def _shown(post: dict[str, Any]) -> dict[str, Any]:
    answers = answers_of(post)
    root = str(post.get("root_post", {}).get("id", "")) or str(post["id"])
    shown = {
        "id": str(post["id"]), "author": f"@{post.get('username', '')}", "text": str(post.get("text", "")),
        "at_us": at_us(post), "thread_id": root, "depth": 1 if answers else 0, "likes": 0, "replies": 0,
    }  # fmt: skip
    return shown | ({"in_reply_to": answers} if answers else {})


READERS: dict[str, Reader] = {"thread": _thread, "mentions": _mentions, "search": _search}
