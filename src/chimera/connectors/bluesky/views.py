"""What can be read on Bluesky, as plain values in the form of every network here. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from chimera.connectors.bluesky import records
from chimera.connectors.bluesky.session import Session
from chimera.connectors.social.times import us_of
from chimera.connectors.social.wire import Unreadable

LIMIT_DEFAULT = 20
PAGE = 50
PAGES_MAX = 4
DEPTH_MAX = 10
ADDRESSED = ("mention", "reply", "quote")
Arguments: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, Arguments], Awaitable[dict[str, Any]]]


async def _asked(session: Session, name: str, asked: dict[str, Any]) -> dict[str, Any]:
    reply = await session.query(name, asked)
    if not reply.is_good:
        raise Unreadable(reply)
    return reply.body


async def post(session: Session, uri: str) -> dict[str, Any] | None:
    """A post with its record, hash and author; nothing if there is none."""
    reply = await session.query("app.bsky.feed.getPosts", {"uris": [uri]})
    if reply.is_good and (found := reply.body.get("posts", [])):
        return found[0]
    did, _, rest = uri.removeprefix("at://").partition("/")
    collection, _, key = rest.partition("/")
    if not did or collection != records.POST:
        return None
    # What is a moment old, or on a server without its own view of the network, is asked for where it was written.
    kept = await session.query("com.atproto.repo.getRecord", {"repo": did, "collection": collection, "rkey": key})
    if not kept.is_good:
        return None
    owner = await session.query("com.atproto.repo.describeRepo", {"repo": did})
    handle = owner.body.get("handle", "") if owner.is_good else ""
    return {"uri": uri, "cid": kept.body["cid"], "record": kept.body["value"], "author": {"handle": handle}}


async def did_of(session: Session, handle: str) -> str:
    """Who has a handle; "" if nobody does."""
    reply = await session.query("com.atproto.identity.resolveHandle", {"handle": handle})
    return str(reply.body["did"]) if reply.is_good else ""


def handle_of(found: dict[str, Any]) -> str:
    """An author as an account is written here."""
    return f"@{found['author']['handle']}"


def labels_of(profile: dict[str, Any]) -> frozenset[str]:
    """What an account says of itself."""
    values: list[dict[str, Any]] = profile.get("labels", {}).get("values", [])
    return frozenset(str(one.get("val")) for one in values)


async def _timeline(session: Session, arguments: Arguments) -> dict[str, Any]:
    body = await _asked(session, "app.bsky.feed.getTimeline", {"limit": arguments.get("limit", LIMIT_DEFAULT)})
    return {"posts": [_shown(one["post"]) for one in body["feed"]]}


async def _search(session: Session, arguments: Arguments) -> dict[str, Any]:
    asked = {"q": arguments["words"], "limit": arguments.get("limit", LIMIT_DEFAULT), "sort": "latest"}
    body = await _asked(session, "app.bsky.feed.searchPosts", asked)
    return {"posts": [_shown(one) for one in body["posts"]]}


async def _thread(session: Session, arguments: Arguments) -> dict[str, Any]:
    asked = {"uri": arguments["thread_id"], "depth": DEPTH_MAX, "parentHeight": DEPTH_MAX}
    body = await _asked(session, "app.bsky.feed.getPostThread", asked)
    found = _parents(body["thread"]) + _below(body["thread"], depth=0)
    return {"posts": [_shown(one) for one in sorted(found, key=lambda one: str(one["record"].get("createdAt", "")))]}


def _parents(node: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    above = node.get("parent")
    while isinstance(above, dict) and len(found) < DEPTH_MAX:
        parent = cast("dict[str, Any]", above)
        if "post" in parent:
            found.append(parent["post"])
        above = parent.get("parent")
    return found


def _below(node: dict[str, Any], *, depth: int) -> list[dict[str, Any]]:
    if "post" not in node or depth > DEPTH_MAX:
        return []
    replies: list[dict[str, Any]] = node.get("replies") or []
    return [node["post"], *(found for reply in replies for found in _below(reply, depth=depth + 1))]


async def _mentions(session: Session, arguments: Arguments) -> dict[str, Any]:
    """Oldest first, those since the time that `after` is; the network itself counts from the newest back."""
    after, limit = int(arguments.get("after", 0)), int(arguments.get("limit", LIMIT_DEFAULT))
    found: list[dict[str, Any]] = []
    cursor = ""
    for _ in range(PAGES_MAX):
        asked = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        body = await _asked(session, "app.bsky.notification.listNotifications", asked)
        page: list[dict[str, Any]] = body["notifications"]
        found.extend(page)
        cursor = str(body.get("cursor", ""))
        if not cursor or not page or us_of(page[-1]["indexedAt"]) <= after:
            break
    said = [_shown(one) for one in found if one["reason"] in ADDRESSED and us_of(one["indexedAt"]) > after]
    posts = sorted(said, key=lambda one: int(one["at_us"]))[:limit]
    return {"posts": posts, "next": max([after, *(int(one["at_us"]) for one in posts)])}


def _shown(one: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = one["record"]
    reply: dict[str, Any] = record.get("reply") or {}
    shown = {
        "id": str(one["uri"]), "author": handle_of(one), "text": str(record.get("text", "")),
        "at_us": us_of(one.get("indexedAt", record.get("createdAt"))),
        "thread_id": str(reply.get("root", {}).get("uri", one["uri"])), "depth": 1 if reply else 0,
        "likes": int(one.get("likeCount", 0)), "replies": int(one.get("replyCount", 0)),
    }  # fmt: skip
    return shown | ({"in_reply_to": str(reply["parent"]["uri"])} if reply else {})


READERS: dict[str, Reader] = {
    "timeline": _timeline, "thread": _thread, "mentions": _mentions, "search": _search,
}  # fmt: skip
