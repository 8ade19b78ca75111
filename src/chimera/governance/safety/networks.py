"""What networks ask of a post: its length as they count it, and hashtags. A table, no logic."""

from __future__ import annotations

from msgspec import Struct


class Network(Struct, frozen=True, kw_only=True):
    """One network's limits; `None` means that it has none which we know of. How often one may post: `domain.quotas`."""

    graphemes_max: int | None = None
    hashtags_max: int = 3


# Published limits (docs/reference/safety.md says where from). A network that is not listed has the house's own.
NETWORKS: dict[str, Network] = {
    "sandbox": Network(graphemes_max=300),
    "bluesky": Network(graphemes_max=300),
    "mastodon": Network(graphemes_max=500),
    "nostr": Network(graphemes_max=10_000),
    "threads": Network(graphemes_max=500, hashtags_max=1),
    "x": Network(graphemes_max=280),
    "instagram": Network(graphemes_max=2_200, hashtags_max=30),
    "youtube": Network(graphemes_max=5_000, hashtags_max=15),
}
HOUSE = Network(graphemes_max=10_000)


def network_of(platform: str) -> Network:
    """The limits of a platform; a counter such as `sandbox.pay` has its network's."""
    return NETWORKS.get(platform.partition(".")[0], HOUSE)


def is_listed(platform: str) -> bool:
    """Whether it is one that we know of, or a counter of one."""
    return platform.partition(".")[0] in NETWORKS
