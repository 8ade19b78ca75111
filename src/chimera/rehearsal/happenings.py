"""What reaches the fleet from the network: mentions, replies, messages, changes of the trends. Tells no truth."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


class HappeningKind(StrEnum):
    """What sort of thing happened."""

    MENTION = "mention"
    REPLY = "reply"
    MESSAGE = "message"
    TREND = "trend"


class Happening(Struct, frozen=True, kw_only=True):
    """One thing that happened to one of our accounts (or, for a trend, to everybody: `account` is "")."""

    id: str
    platform: str
    kind: HappeningKind
    account: str
    author: str
    text: str
    at_us: int
    author_bio: str = ""
    thread_id: str = ""
    depth: int = 0
    topic: str = ""
    score_bp: int = 0

    @property
    def payload(self) -> dict[str, Any]:
        """What a task that answers this gets as its input (specs copy.reply, community.like; copy.post for a trend)."""
        if self.kind is HappeningKind.TREND:
            brief = f"People talk about {self.topic}. Join in."
            return {"platform": self.platform, "topic": self.topic, "brief": brief}
        return {"platform": self.platform, "post_id": self.id, "author": self.author, "text": self.text}
