"""What the trend analyser reads and says: posts in, trends and rejected waves out. Data only."""

from __future__ import annotations

from msgspec import Struct


class Post(Struct, frozen=True, kw_only=True, gc=False):
    """One thing that somebody said on a network, or one item of a feed; then the feed is the author."""

    author: str
    text: str
    at_us: int


class Trend(Struct, frozen=True, kw_only=True):
    """One topic. `score` is in [0, 1]; from one half on it is a burst. `why` says what the score is made of."""

    topic: str
    score: float
    kind: str
    is_burst: bool
    voices: int
    usual: float
    why: str
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class Wave(Struct, frozen=True, kw_only=True):
    """A topic that rose and was not taken for a trend, and why."""

    topic: str
    posts: int
    reason: str


class Report(Struct, frozen=True, kw_only=True):
    """What a network talks about, the strongest first, and what was left out as spam."""

    platform: str
    at_us: int
    posts: int
    trends: tuple[Trend, ...]
    waves: tuple[Wave, ...] = ()
