"""What networks ask of a post: its length as they count it, hashtags, and how often one may post. A table, no logic."""

from __future__ import annotations

from msgspec import Struct


class Network(Struct, frozen=True, kw_only=True):
    """One network's limits; `None` and 0 mean that it has none which we know of. `posts_*` count what we published."""

    graphemes_max: int | None = None
    hashtags_max: int = 3
    posts_hour_max: int = 0
    posts_day_max: int = 0


# Published limits (docs/reference/safety.md says where from). A network that is not listed has the house's own.
NETWORKS: dict[str, Network] = {
    "sandbox": Network(graphemes_max=300),
    "bluesky": Network(graphemes_max=300, posts_hour_max=1_666, posts_day_max=11_666),
    "mastodon": Network(graphemes_max=500, posts_hour_max=300),
    "nostr": Network(graphemes_max=10_000),
    "threads": Network(graphemes_max=500, hashtags_max=1, posts_day_max=250),
    "x": Network(graphemes_max=280, posts_hour_max=100, posts_day_max=2_400),
    "instagram": Network(graphemes_max=2_200, hashtags_max=30, posts_day_max=100),
    "youtube": Network(graphemes_max=5_000, hashtags_max=15, posts_day_max=6),
}
HOUSE = Network(graphemes_max=10_000)


def network_of(platform: str) -> Network:
    """The limits of a platform; a counter such as `sandbox.pay` has its network's."""
    return NETWORKS.get(platform.partition(".")[0], HOUSE)
