"""What can be read on X, as plain values in the form of every network here. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from chimera.connectors.social import times
from chimera.connectors.social.order import oldest_first, since
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.wire import Unreadable

PAGE = 100
LEAST = 10
LIMIT_DEFAULT = 20
FIELDS = "created_at,author_id,conversation_id,referenced_tweets,entities,public_metrics"
WITH_AUTHORS = {"tweet.fields": FIELDS, "expansions": "author_id", "user.fields": "username"}
Arguments: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, str, Arguments], Awaitable[dict[str, Any]]]


def text_of(post: dict[str, Any]) -> str:
    """The words, with links as they were written."""
    text = str(post.get("text", ""))
    for link in post.get("entities", {}).get("urls", ()):
        text = text.replace(str(link["url"]), str(link.get("expanded_url", link["url"])))
    return text


def at_us(post: dict[str, Any]) -> int:
    """When it was said."""
    return times.us_of(post.get("created_at", ""))


def answers_of(post: dict[str, Any]) -> str:
    """The post that it answers; "" for none."""
    told = (one for one in post.get("referenced_tweets", ()) if one.get("type") == "replied_to")
    return next((str(one["id"]) for one in told), "")


async def author_of(session: Session, post_id: str) -> str:
    """Whose a post is, with the @; "" if there is none."""
    reply = await session.get(f"/2/tweets/{post_id}", {"expansions": "author_id", "user.fields": "username"})
    # What is gone is told as an error beside no data, with a status of success.
    if reply.status == 404 or (reply.is_good and "data" not in reply.body):
        return ""
    if not reply.is_good:
        raise Unreadable(reply)
    return next((f"@{one['username']}" for one in reply.body["includes"]["users"]), "")


async def _timeline(session: Session, own: str, arguments: Arguments) -> dict[str, Any]:
    path = f"/2/users/{own}/timelines/reverse_chronological"
    return {"posts": await _posts(session, path, {}, arguments)}


async def _search(session: Session, _own: str, arguments: Arguments) -> dict[str, Any]:
    return {"posts": await _posts(session, "/2/tweets/search/recent", {"query": str(arguments["words"])}, arguments)}


async def _thread(session: Session, _own: str, arguments: Arguments) -> dict[str, Any]:
    first = await session.told(f"/2/tweets/{arguments['thread_id']}", WITH_AUTHORS)
    root = _shown(first["data"], _names(first))
    asked = {"query": f"conversation_id:{root['thread_id']}"}
    others = await _posts(session, "/2/tweets/search/recent", asked, {"limit": PAGE})
    found = {str(post["id"]): post for post in (*others, root)}
    return {"posts": oldest_first(tuple(found.values()))}


async def _mentions(session: Session, own: str, arguments: Arguments) -> dict[str, Any]:
    """Oldest first, those since the time that `after` is."""
    posts = await _posts(session, f"/2/users/{own}/mentions", {}, {"limit": PAGE})
    return since(posts, arguments, limit_default=LIMIT_DEFAULT)


async def _posts(session: Session, path: str, query: dict[str, Any], arguments: Arguments) -> list[dict[str, Any]]:
    limit = int(arguments.get("limit", LIMIT_DEFAULT))
    told = await session.told(path, {**WITH_AUTHORS, **query, "max_results": min(PAGE, max(LEAST, limit))})
    return [_shown(one, _names(told)) for one in told.get("data", ())][:limit]


def _names(told: dict[str, Any]) -> dict[str, str]:
    return {str(one["id"]): str(one["username"]) for one in told.get("includes", {}).get("users", ())}


def _shown(post: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    answers, metrics = answers_of(post), post.get("public_metrics", {})
    shown = {
        "id": str(post["id"]), "author": f"@{names.get(str(post.get('author_id')), '')}", "text": text_of(post),
        "at_us": at_us(post), "thread_id": str(post.get("conversation_id") or post["id"]), "depth": 1 if answers else 0,
        "likes": int(metrics.get("like_count", 0)), "replies": int(metrics.get("reply_count", 0)),
    }  # fmt: skip
    return shown | ({"in_reply_to": answers} if answers else {})


READERS: dict[str, Reader] = {
    "timeline": _timeline, "thread": _thread, "mentions": _mentions, "search": _search,
}  # fmt: skip
