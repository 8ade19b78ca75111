"""Quotas: how many posts and calls there may be in an hour or a day. Counted in windows, as money is. Pure."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.durations import DAY_US, HOUR_US

POSTS, CALLS = "posts", "calls"
UNITS = (POSTS, CALLS)
HOUR, DAY = "hour", "day"
SPANS_US = {HOUR: HOUR_US, DAY: DAY_US}
PERIODS = tuple(f"{unit}-{span}" for unit in UNITS for span in SPANS_US)
AGENT_PERIOD = f"{POSTS}-{DAY}"
COUNTED = ("agent:", "account:", "platform:")
POST_KINDS = frozenset({"post.publish", "post.reply"})
COUNT_MAX = 1_000_000_000

# What networks publish for one account (docs/reference/safety.md says where from).
PUBLISHED: dict[str, dict[str, int]] = {
    "bluesky": {"posts-hour": 1_666, "posts-day": 11_666},
    "mastodon": {"posts-hour": 300, "calls-hour": 3_600},
    "nostr": {"posts-hour": 300},
    "threads": {"posts-day": 250},
    "x": {"posts-hour": 100, "posts-day": 2_400},
    "instagram": {"posts-day": 100},
    # 10,000 units, of which an act takes fifty and a few for looking; 100 uploads.
    "youtube": {"posts-day": 100, "calls-day": 150},
}

# What counts units counts fewer for a read than for an act: so many reads are one call.
READS_IN_A_CALL = {"youtube": 50}
# Listening takes at most so much of what a network publishes; the rest is for work and for acts.
LISTENING_BP = 2_500


def reads_in_a_call(platform: str) -> int:
    """How many reads of a network count as one call of it."""
    return READS_IN_A_CALL.get(platform, 1)


def kept_for_acts(cap: int) -> int:
    """How many of a window's calls are not for reads: who only listens may not keep others from acting."""
    return cap // 5


def listening_pause_us(platform: str) -> int:
    """How long an account waits before it is listened to again, so that its network's calls last; 0: at no time."""
    calls = ((period, count) for period, count in PUBLISHED.get(platform, {}).items() if unit_of(period) == CALLS)
    return max((SPANS_US[period.rpartition("-")[2]] * 10_000 // (count * reads_in_a_call(platform) * LISTENING_BP)
                for period, count in calls), default=0)  # fmt: skip


def unit_of(period: str) -> str:
    """What a period counts: `posts` or `calls`; nothing where it is about money."""
    return period.partition("-")[0] if period in PERIODS else ""


def unit_in(window_id: str) -> str:
    """What a window counts; nothing where it is about money."""
    return unit_of(window_id.rsplit("|", 2)[-2]) if window_id.count("|") > 1 else ""


def units_of(action: Action) -> tuple[str, ...]:
    """What an act takes one of each of: every act in the world is a call, and what is published is a post besides."""
    if action.is_internal:
        return ()
    return UNITS if action.kind in POST_KINDS else (CALLS,)


def published(key: str) -> int | None:
    """What a network publishes for one of its accounts: `account:mastodon/@nova|posts-hour`."""
    owner, _, period = key.rpartition("|")
    kind, _, name = owner.partition(":")
    return PUBLISHED.get(name.partition("/")[0], {}).get(period) if kind == "account" else None


def in_words(count: int, unit: str) -> str:
    """`1 post`, `20 posts`."""
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}"
