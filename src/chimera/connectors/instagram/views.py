"""What can be read on Instagram, as plain values in the form of every network here. Changes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from chimera.connectors.social import times
from chimera.connectors.social.order import oldest_first, since
from chimera.connectors.social.sessions import Session
from chimera.connectors.social.wire import Unreadable

POSTS = 25
COMMENTS = 50
LIMIT_DEFAULT = 20
POST_FIELDS = "id,caption,timestamp,username,permalink"
COMMENT_FIELDS = "id,text,timestamp,username,parent_id,media"
Arguments: TypeAlias = dict[str, Any]
Row: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, str, Arguments], Awaitable[Row]]


def at_us(row: Row) -> int:
    """When it was said."""
    return times.us_of(row.get("timestamp", ""))


async def author_of(session: Session, identifier: str) -> str:
    """Whose a post or a comment is, with the @; "" if there is none."""
    reply = await session.get(f"/v1.0/{identifier}", {"fields": "username"})
    # For what is not there it has no status of its own: a bad request, and a code.
    if reply.status in (400, 404):
        return ""
    if not reply.is_good:
        raise Unreadable(reply)
    return f"@{reply.body['username']}"


async def is_post(session: Session, identifier: str) -> bool:
    """Whether this is a post, and no comment: only posts have a caption to ask for."""
    return (await session.get(f"/v1.0/{identifier}", {"fields": "caption"})).is_good


async def newest(session: Session) -> tuple[list[Row], list[Row], bool]:
    """The account's newest posts, everything said beneath them, and whether there is more of either."""
    told = await session.told("/v1.0/me/media", {"fields": POST_FIELDS, "limit": POSTS})
    posts: list[Row] = list(told.get("data", ()))
    comments: list[Row] = []
    has_more = bool(told.get("paging", {}).get("next"))
    for post in posts:
        said = await session.told(f"/v1.0/{post['id']}/comments", {"fields": COMMENT_FIELDS, "limit": COMMENTS})
        comments += [{**one, "media": {"id": str(post["id"])}} for one in said.get("data", ())]
        has_more = has_more or bool(said.get("paging", {}).get("next"))
    return posts, comments, has_more


async def _timeline(session: Session, _account: str, arguments: Arguments) -> Row:
    told = await session.told("/v1.0/me/media", {"fields": POST_FIELDS, "limit": POSTS})
    return {"posts": [_post(one) for one in told.get("data", ())][: int(arguments.get("limit", LIMIT_DEFAULT))]}


async def _thread(session: Session, _account: str, arguments: Arguments) -> Row:
    """The post that something stands beneath, with everything else beneath it."""
    asked = str(arguments["thread_id"])
    root = asked
    if not await is_post(session, asked):
        told = await session.told(f"/v1.0/{asked}", {"fields": COMMENT_FIELDS})
        root = str(told["media"]["id"])
    post = await session.told(f"/v1.0/{root}", {"fields": POST_FIELDS})
    said = await session.told(f"/v1.0/{root}/comments", {"fields": COMMENT_FIELDS, "limit": COMMENTS})
    rows = [_comment({**one, "media": {"id": root}}) for one in said.get("data", ())]
    return {"posts": [_post(post), *oldest_first(rows)]}


async def _mentions(session: Session, account: str, arguments: Arguments) -> Row:
    """What others said beneath the account's own posts: oldest first, since the time that `after` is."""
    _posts, comments, _has_more = await newest(session)
    rows = [_comment(one) for one in comments if f"@{one.get('username', '')}" != account]
    return since(rows, arguments, limit_default=LIMIT_DEFAULT)


def _post(row: Row) -> Row:
    return _shown(row, text=str(row.get("caption", "")), thread_id=str(row["id"]), answers="")


def _comment(row: Row) -> Row:
    thread_id = str(row["media"]["id"])
    return _shown(row, text=str(row.get("text", "")), thread_id=thread_id,
                  answers=str(row.get("parent_id") or thread_id))  # fmt: skip


def _shown(row: Row, *, text: str, thread_id: str, answers: str) -> Row:
    shown = {
        "id": str(row["id"]), "author": f"@{row.get('username', '')}", "text": text, "at_us": at_us(row),
        "thread_id": thread_id, "depth": 1 if answers else 0, "likes": 0, "replies": 0,
    }  # fmt: skip
    return shown | ({"in_reply_to": answers} if answers else {})


READERS: dict[str, Reader] = {"timeline": _timeline, "thread": _thread, "mentions": _mentions}
