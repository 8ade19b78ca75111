"""The records that acts become on the network. Pure: who is meant by a handle has been asked before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chimera.connectors.bluesky.facets import marks
from chimera.governance import graphemes
from chimera.ports.network import Declined

GRAPHEMES_MAX = 300
TEXT_BYTES_MAX = 3_000
POST = "app.bsky.feed.post"
LIKE = "app.bsky.feed.like"
FOLLOW = "app.bsky.graph.follow"
BLOCK = "app.bsky.graph.block"
COLLECTIONS = {
    "post.publish": POST, "post.reply": POST, "post.like": LIKE, "post.follow": FOLLOW, "account.block": BLOCK,
}  # fmt: skip


def fault_in(text: str) -> Declined | None:
    """Why the network would not take a text."""
    if (many := graphemes.count(text)) > GRAPHEMES_MAX:
        return Declined("text_too_long", f"{many} characters, {GRAPHEMES_MAX} are allowed")
    if (many := len(text.encode())) > TEXT_BYTES_MAX:
        return Declined("text_too_long", f"{many} bytes, {TEXT_BYTES_MAX} are allowed")
    return None


def facets_of(text: str, people: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is more than words in a text. A handle that nobody has stays a word."""
    found: list[dict[str, Any]] = []
    for mark in marks(text):
        match mark.kind:
            case "link":
                feature = {"$type": "app.bsky.richtext.facet#link", "uri": mark.value}
            case "tag":
                feature = {"$type": "app.bsky.richtext.facet#tag", "tag": mark.value}
            case _:
                if mark.value not in people:
                    continue
                feature = {"$type": "app.bsky.richtext.facet#mention", "did": people[mark.value]}
        found.append({"index": {"byteStart": mark.start, "byteEnd": mark.end}, "features": [feature]})
    return found


def embed_of(blobs: Sequence[tuple[str, Any]], quoted: Mapping[str, str] | None) -> dict[str, Any] | None:
    """What is shown beneath the text: pictures with their words, a quoted post, or both."""
    pictures = {"$type": "app.bsky.embed.images", "images": [{"alt": alt, "image": blob} for alt, blob in blobs]}
    record = {"$type": "app.bsky.embed.record", "record": dict(quoted or {})}
    if blobs and quoted:
        return {"$type": "app.bsky.embed.recordWithMedia", "media": pictures, "record": record}
    if blobs:
        return pictures
    return record if quoted else None


def is_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two records say the same, whenever they were made."""
    return {**one, "createdAt": ""} == {**other, "createdAt": ""}
