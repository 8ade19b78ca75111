"""What each network has published about how much an account may do, as one table; and its keeping. Sleeps for nobody.

A limit of a network is nobody's budget: it says what the network would refuse. Figures as published in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from chimera.connectors.social.quotas import Quota, Quotas
from chimera.ports.clock import Clock
from chimera.ports.network import Declined

POSTS = ("post.publish", "post.reply")
QUARTER_HOUR = 900
HOUR = 3_600
DAY = 86_400


class Limit(Struct, frozen=True, kw_only=True):
    """So many acts of these kinds in so many seconds, for each account. No kind means every act."""

    count: int
    seconds: int
    kinds: tuple[str, ...] = ()


PUBLISHED: Mapping[str, tuple[Limit, ...]] = {
    # In points, of which a creation costs three: 5,000 an hour.
    "bluesky": (Limit(count=1_666, seconds=HOUR), Limit(count=11_666, seconds=DAY)),
    "mastodon": (Limit(count=300, seconds=300), Limit(count=300, seconds=10_800)),
    # Relays publish none: these are ours.
    "nostr": (Limit(count=30, seconds=60), Limit(count=300, seconds=HOUR)),
    "x": (
        Limit(count=100, seconds=QUARTER_HOUR, kinds=POSTS),
        Limit(count=50, seconds=QUARTER_HOUR, kinds=("post.take_down",)),
        Limit(count=50, seconds=QUARTER_HOUR, kinds=("post.like",)),
        Limit(count=1_000, seconds=DAY, kinds=("post.like",)),
        Limit(count=50, seconds=QUARTER_HOUR, kinds=("post.follow",)),
    ),
    "threads": (
        Limit(count=250, seconds=DAY, kinds=("post.publish",)),
        Limit(count=1_000, seconds=DAY, kinds=("post.reply",)),
        Limit(count=100, seconds=DAY, kinds=("post.take_down",)),
    ),
    "instagram": (Limit(count=100, seconds=DAY, kinds=("post.publish",)),),
    # Of an app, whoever its accounts are; its units are counted call by call (`connectors.youtube.units`).
    "youtube": (Limit(count=100, seconds=DAY, kinds=("post.publish",)),),
}


def quotas_of(platform: str, clock: Clock) -> Quotas:
    """The limits of a network that counts every act alike."""
    return Quotas(tuple(Quota(points=one.count, seconds=one.seconds) for one in PUBLISHED[platform]), clock)


class Limits:
    """The limits of one network, counted for each account, and the pauses that it asked for itself."""

    def __init__(self, limits: tuple[Limit, ...], clock: Clock) -> None:
        self._counted = [(limit.kinds, Quotas((Quota(points=limit.count, seconds=limit.seconds),), clock))
                         for limit in limits]  # fmt: skip
        self.pauses = Quotas((), clock)

    def take(self, account: str, kind: str) -> Declined | None:
        """Count one act; or why it may not be now."""
        quotas = [self.pauses, *(quota for kinds, quota in self._counted if not kinds or kind in kinds)]
        return next((refused for quota in quotas if (refused := quota.take(account, 1))), None)
