"""What can be read on YouTube, as plain values in the form of every network here. Changes nothing.

A post is a video, an answer a comment. A video's id has eleven letters; a comment's has more, and that of an answer to
one begins with the comment's and a dot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from msgspec import Struct

from chimera.connectors.social import times
from chimera.connectors.social.order import oldest_first, since
from chimera.connectors.social.sessions import Session
from chimera.connectors.youtube.units import API, SEARCH

VIDEO_ID_LENGTH = 11
VIDEOS = 50
COMMENTS = 100
LIMIT_DEFAULT = 20
PLAIN = {"textFormat": "plainText"}
Row: TypeAlias = dict[str, Any]
Reader: TypeAlias = Callable[[Session, "Channel", Row], Awaitable[Row]]


class Channel(Struct, frozen=True, kw_only=True):
    """A channel, as its owner sees it."""

    id: str
    handle: str
    description: str
    uploads: str


async def mine(session: Session) -> Channel | None:
    """The channel that a token is for; None if it has none."""
    told = await session.told(f"{API}/channels", {"part": "snippet,contentDetails", "mine": "true"})
    for one in told.get("items", ()):
        uploads = one["contentDetails"]["relatedPlaylists"]["uploads"]
        return Channel(id=str(one["id"]), handle=_handle(one), uploads=str(uploads),
                       description=str(one["snippet"].get("description", "")))  # fmt: skip
    return None


async def channel_id_of(session: Session, handle: str) -> str:
    """The id of somebody's channel; "" if nobody has that handle."""
    told = await session.told(f"{API}/channels", {"part": "id", "forHandle": handle})
    return next((str(one["id"]) for one in told.get("items", ())), "")


def is_video(identifier: str) -> bool:
    """Whether an id is a video's, and no comment's."""
    return len(identifier) == VIDEO_ID_LENGTH and "." not in identifier


def beneath(identifier: str) -> str:
    """The comment at the head of a conversation, of whose answers an id is one: answers are one deep there."""
    return identifier.partition(".")[0]


async def author_of(session: Session, identifier: str) -> str:
    """Whose a video or a comment is, with the @; "" if there is none."""
    row = await (video if is_video(identifier) else comment)(session, identifier)
    if row is None:
        return ""
    whose = _channel_of(row)
    return (await _handles(session, (whose,))).get(whose, whose)


async def video(session: Session, identifier: str) -> Row | None:
    """One video."""
    return next(iter(await videos(session, (identifier,))), None)


async def comment(session: Session, identifier: str) -> Row | None:
    """One comment."""
    told = await session.told(f"{API}/comments", {"part": "snippet", "id": identifier, **PLAIN})
    return next(iter(told.get("items", ())), None)


async def videos(session: Session, identifiers: Iterable[str]) -> list[Row]:
    """Videos by their ids; one that is not there is left out."""
    ids = ",".join(identifiers)
    if not ids:
        return []
    return list((await session.told(f"{API}/videos", {"part": "snippet,status", "id": ids})).get("items", ()))


async def uploaded(session: Session, channel: Channel) -> tuple[list[Row], bool]:
    """The channel's newest videos that everybody sees, and whether there are older ones."""
    asked = {"part": "contentDetails", "playlistId": channel.uploads, "maxResults": VIDEOS}
    told = await session.told(f"{API}/playlistItems", asked)
    found = await videos(session, [str(one["contentDetails"]["videoId"]) for one in told.get("items", ())])
    return [one for one in found if one["status"]["privacyStatus"] == "public"], "nextPageToken" in told


async def answers(session: Session, identifier: str) -> tuple[list[Row], bool]:
    """The newest answers to a video or in a comment's conversation, and whether there are older ones."""
    if is_video(identifier):
        rows, has_older = await _threads(session, {"videoId": identifier})
        return [one["snippet"]["topLevelComment"] for one in rows], has_older
    asked = {"part": "snippet", "parentId": beneath(identifier), "maxResults": COMMENTS, **PLAIN}
    told = await session.told(f"{API}/comments", asked)
    return list(told.get("items", ())), "nextPageToken" in told


def at_us(row: Row) -> int:
    """When it was said, or shown to everybody."""
    return times.us_of(row["snippet"].get("publishedAt", ""))


def text_of(row: Row) -> str:
    """A video's description, a comment's words."""
    said = row["snippet"]
    return str(said.get("description") or said.get("textOriginal") or said.get("textDisplay") or "")


def is_by(row: Row, channel: Channel) -> bool:
    """Whether a channel said it."""
    return _channel_of(row) == channel.id


async def _timeline(session: Session, channel: Channel, arguments: Row) -> Row:
    rows, _has_older = await uploaded(session, channel)
    return {"posts": (await _shown(session, rows))[: int(arguments.get("limit", LIMIT_DEFAULT))]}


async def _search(session: Session, _channel: Channel, arguments: Row) -> Row:
    asked = {"part": "id", "type": "video", "order": "date", "q": str(arguments["words"]),
             "maxResults": min(VIDEOS, int(arguments.get("limit", LIMIT_DEFAULT)))}  # fmt: skip
    told = await session.told(SEARCH, asked)
    return {"posts": await _shown(session, await videos(session, [one["id"]["videoId"] for one in told["items"]]))}


async def _thread(session: Session, _channel: Channel, arguments: Row) -> Row:
    """A video with what stands beneath it; for a comment, its own conversation and the video."""
    asked = str(arguments["thread_id"])
    wanted = {"videoId": asked} if is_video(asked) else {"id": beneath(asked)}
    rows, _has_older = await _threads(session, wanted)
    root = asked if is_video(asked) else next((str(one["snippet"].get("videoId", "")) for one in rows), "")
    said = await _said(session, rows)
    return {"posts": oldest_first(await _shown(session, [*said, *await videos(session, (root,))]))}


async def _mentions(session: Session, channel: Channel, arguments: Row) -> Row:
    """What others said beneath the channel's videos, in the newest hundred conversations; oldest first."""
    rows, _has_older = await _threads(session, {"allThreadsRelatedToChannelId": channel.id})
    said = [one for one in await _said(session, rows) if not is_by(one, channel)]
    return since(await _shown(session, said), arguments, limit_default=LIMIT_DEFAULT)


async def _threads(session: Session, wanted: Row) -> tuple[list[Row], bool]:
    order = {} if "id" in wanted else {"order": "time", "maxResults": COMMENTS}
    asked = {"part": "snippet,replies", **wanted, **order, **PLAIN}
    told = await session.told(f"{API}/commentThreads", asked)
    return list(told.get("items", ())), "nextPageToken" in told


async def _said(session: Session, threads: list[Row]) -> list[Row]:
    """Every comment of these conversations, each with its video: a few answers come along, more are asked for."""
    found: list[Row] = []
    for thread in threads:
        head = thread["snippet"]["topLevelComment"]
        below: list[Row] = list(thread.get("replies", {}).get("comments", ()))
        if int(thread["snippet"].get("totalReplyCount", 0)) > len(below):
            below, _has_older = await answers(session, str(head["id"]))
        about = {"videoId": str(thread["snippet"].get("videoId", ""))}
        found += [{**one, "snippet": {**one["snippet"], **about}} for one in (*below, head)]
    return found


async def _shown(session: Session, rows: list[Row]) -> list[Row]:
    handles = await _handles(session, {_channel_of(one): None for one in rows})
    return [_one(row, handles) for row in rows]


def _one(row: Row, handles: dict[str, str]) -> Row:
    identifier, said, whose = str(row["id"]), row["snippet"], _channel_of(row)
    is_answer = not is_video(identifier)
    shown = {
        "id": identifier, "author": handles.get(whose, whose), "text": text_of(row), "at_us": at_us(row),
        "thread_id": str(said.get("videoId") or identifier), "depth": 1 if is_answer else 0,
        "likes": int(said.get("likeCount", 0)), "replies": 0,
    }  # fmt: skip
    return shown | ({"in_reply_to": str(said.get("parentId") or said.get("videoId"))} if is_answer else {})


async def _handles(session: Session, channel_ids: Iterable[str]) -> dict[str, str]:
    """By their channels: the names beside comments are whatever people call themselves."""
    ids = [one for one in channel_ids if one]
    found: dict[str, str] = {}
    for start in range(0, len(ids), VIDEOS):
        asked = {"part": "snippet", "id": ",".join(ids[start : start + VIDEOS]), "maxResults": VIDEOS}
        told = await session.told(f"{API}/channels", asked)
        found |= {str(one["id"]): _handle(one) for one in told.get("items", ())}
    return found


def _handle(channel: Row) -> str:
    """What it is called by; a channel without a handle is called by its id, which nobody else's handle can be."""
    said = str(channel["snippet"].get("customUrl", ""))
    return said if said.startswith("@") else str(channel["id"])


def _channel_of(row: Row) -> str:
    said = row["snippet"]
    return str(said["channelId"] if is_video(str(row["id"])) else said.get("authorChannelId", {}).get("value", ""))


READERS: dict[str, Reader] = {
    "timeline": _timeline, "thread": _thread, "mentions": _mentions, "search": _search,
}  # fmt: skip
