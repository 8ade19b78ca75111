"""In which ways an agent's posts may be made, of which a bandit chooses: style, media, time. Pure; draws nothing."""

from __future__ import annotations

from msgspec import Struct

STYLE, MEDIA, TIME = "style", "media", "time"
# The first of each is the baseline: what the others' safety record is compared with.
STYLES = ("news", "question", "banter")
WITHOUT, PICTURES = "none", ("card", "chart", "painting")
MEDIA_KINDS = (WITHOUT, *PICTURES)
DAY_MINUTES = 24 * 60
# Nobody has done anything yet about a post that has just gone out.
MEASURED_AFTER_MINUTES = 6 * 60
# A post that went out later than this after its time, because somebody looked at it, says nothing about that time.
TIME_COUNTS_MINUTES = 2 * 60


class Variants(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What an agent's manifest leaves to the bandit. Of what is empty nothing is chosen.

    `minutes` are times of the day; then a plan's posts are spread, `posts_per_day` on each.
    """

    styles: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    minutes: tuple[int, ...] = ()
    posts_per_day: int = 3


FIXED = Variants()


class Belief(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was believed of one variant: what a post of it brings (thousandths of log(1 + engagements)), how uncertain
    that is, how many of its posts were troubled, and why it may not be chosen, if it may not.
    """

    factor: str
    variant: str
    posts: int
    mean_millis: int
    doubt_millis: int
    troubled: int = 0
    barred: str = ""


class Choice(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was chosen for a task: the same seed and the same beliefs give the same choice."""

    seed: str
    beliefs: tuple[Belief, ...]
    chosen: dict[str, str]


def in_minutes(clock: str) -> int:
    """The minute of the day that a time such as 09:30 is."""
    hour, _, minute = clock.partition(":")
    return int(hour) * 60 + int(minute)


def on_the_clock(minute: int) -> str:
    """A minute of the day as a time."""
    return f"{minute // 60:02d}:{minute % 60:02d}"
