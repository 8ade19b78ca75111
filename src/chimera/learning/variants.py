"""Which of several variants to try next: Thompson sampling that never trades safety for engagement. Publishes nothing.

A variant that did harm once is not tried again, however well it was liked. Everything else is chance and what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import NormalDist

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.errors import Invalid, Refused

# What is believed of a variant before it was tried: three in a hundred, as firmly as after one post.
RATE_BEFORE, IMPRESSIONS_BEFORE = 0.03, 60.0
# Impressions of one post are no independent trials: more of them than this say no more.
IMPRESSIONS_COUNTED_MAX = 120.0
_NORMAL = NormalDist()


class Seen(Struct, frozen=True, kw_only=True):
    """What is known of a variant."""

    posts: int = 0
    impressions: float = 0.0
    engagements: float = 0.0
    harms: int = 0

    @property
    def rate(self) -> float:
        """Engagements per impression, as believed."""
        return (RATE_BEFORE * IMPRESSIONS_BEFORE + self.engagements) / (IMPRESSIONS_BEFORE + self.impressions)

    @property
    def doubt(self) -> float:
        """The standard deviation of that belief."""
        rate = self.rate
        return math.sqrt(rate * (1 - rate) / (IMPRESSIONS_BEFORE + self.impressions))


class Bandit:
    """One choice among named variants. `draw` gives numbers between 0 and 1."""

    def __init__(self, variants: Sequence[str], *, draw: Callable[[], float]) -> None:
        if not variants or len(set(variants)) != len(variants):
            raise Invalid(
                "variants_malformed",
                "variants have different names, and there is at least one",
                where="variants",
                remedy="give each its own",
            )
        self._seen = dict.fromkeys(variants, Seen())
        self._draw = draw

    @property
    def seen(self) -> Mapping[str, Seen]:
        """What is known of each."""
        return self._seen

    def choose(self, *, among: Sequence[str] = ()) -> str:
        """The variant that a draw from what is believed prefers; only those that never did harm."""
        safe = [name for name in among or self._seen if not self._seen[name].harms]
        if not safe:
            raise Refused("variants_unsafe", "every variant has done harm", where="variants",
                          remedy="write new ones; a person decides")  # fmt: skip
        return max(safe, key=lambda name: self._guess(self._seen[name]))

    def learn(self, name: str, *, impressions: int, engagements: int, harms: int = 0) -> None:
        """What came of one post of this variant."""
        share = min(1.0, IMPRESSIONS_COUNTED_MAX / impressions) if impressions else 0.0
        seen = self._seen[name]
        self._seen[name] = replace(
            seen, posts=seen.posts + 1, impressions=seen.impressions + impressions * share,
            engagements=seen.engagements + engagements * share, harms=seen.harms + harms,
        )  # fmt: skip

    def _guess(self, seen: Seen) -> float:
        return drawn(seen.rate, seen.doubt, self._draw())


def drawn(mean: float, doubt: float, chance: float) -> float:
    """What a variant may bring, drawn from what is believed of it by a number between 0 and 1."""
    return mean + doubt * _NORMAL.inv_cdf(min(1 - 1e-9, max(1e-9, chance)))
