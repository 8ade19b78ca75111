"""What can be read over the Mastodon API, as plain values in the form of every network here. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from chimera.connectors.mastodon.markup import plain_text
from chimera.connectors.mastodon.session import Session
from chimera.connectors.social.order import since
from chimera.connectors.social.times import us_of
from chimera.connectors.social.wire import Unreadable

LIMIT_DEFAULT = 20
PAGE = 40
Arguments: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, Arguments], Awaitable[dict[str, Any]]]


async def _asked(session: Session, path: str, query: dict[str, Any]) -> Any:  # noqa: ANN401 – JSON has no one type.
    reply = await session.get(path, query)
    if not reply.is_good:
        raise Unreadable(reply)
    return reply.body


def handle_of(account: dict[str, Any]) -> str:
    """An account as it is written here: with its server, if that is another."""
    return f"@{account.get('acct') or account['username']}"


async def account_of(session: Session, handle: str) -> str:
    """The server's own id of an account; "" if it knows none."""
    wanted = handle.removeprefix("@")
    found = await session.get("/api/v1/accounts/lookup", {"acct": wanted})
    if found.is_good and found.body.get("id"):
        return str(found.body["id"])
    listed = await session.get("/api/v1/accounts/search", {"q": wanted, "resolve": "true", "limit": 5})
    accounts: list[dict[str, Any]] = listed.body if listed.is_good else []
    return next((str(one["id"]) for one in accounts if handle_of(one) == handle), "")


async def _timeline(session: Session, arguments: Arguments) -> dict[str, Any]:
    statuses = await _asked(session, "/api/v1/timelines/home", {"limit": arguments.get("limit", LIMIT_DEFAULT)})
    return {"posts": [_shown(status) for status in statuses]}


async def _search(session: Session, arguments: Arguments) -> dict[str, Any]:
    query = {"q": arguments["words"], "type": "statuses", "limit": arguments.get("limit", LIMIT_DEFAULT)}
    found = await _asked(session, "/api/v2/search", query)
    return {"posts": [_shown(status) for status in found.get("statuses", [])]}


async def _thread(session: Session, arguments: Arguments) -> dict[str, Any]:
    post_id = str(arguments["thread_id"])
    context = await _asked(session, f"/api/v1/statuses/{post_id}/context", {})
    own = await _asked(session, f"/api/v1/statuses/{post_id}", {})
    return {"posts": [_shown(status) for status in (*context["ancestors"], own, *context["descendants"])]}


async def _mentions(session: Session, arguments: Arguments) -> dict[str, Any]:
    """Oldest first, those since the time that `after` is."""
    told = await _asked(session, "/api/v1/notifications", {"limit": PAGE, "types[]": ["mention"]})
    said = [_shown(one["status"]) for one in told if one["type"] == "mention" and one.get("status")]
    return since(said, arguments, limit_default=LIMIT_DEFAULT)


def _shown(status: dict[str, Any]) -> dict[str, Any]:
    answers = str(status.get("in_reply_to_id") or "")
    shown = {
        "id": str(status["id"]), "author": handle_of(status["account"]), "text": plain_text(str(status["content"])),
        "at_us": us_of(status["created_at"]), "thread_id": answers or str(status["id"]), "depth": 1 if answers else 0,
        "likes": int(status.get("favourites_count") or 0), "replies": int(status.get("replies_count") or 0),
    }  # fmt: skip
    warning = str(status.get("spoiler_text") or "")
    return shown | ({"in_reply_to": answers} if answers else {}) | ({"content_warning": warning} if warning else {})


READERS: dict[str, Reader] = {
    "timeline": _timeline, "thread": _thread, "mentions": _mentions, "search": _search,
}  # fmt: skip
