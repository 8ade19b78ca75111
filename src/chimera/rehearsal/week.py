"""Several versions of an agent before the same crowds: what they choose to say and when, and what comes of it.

Rehearses choices, not texts: topic, hour and picture. The baseline chooses by chance. Every version meets each seed's
crowd anew, so that none profits from another's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Literal

from msgspec import Struct, field

from chimera.rehearsal.habits import Habits

# Student's t for a 95 % interval, by one less than the number of seeds.
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one version of an agent chooses. Without hours it posts at any; without a number of posts, the scenario's."""

    name: str
    chooses: Literal["by chance", "by what it learns"] = "by what it learns"
    pictures: bool = True
    hours: tuple[int, ...] = ()
    posts_per_day: int | None = None


class Week(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario: the crowd, how long, how often, and which versions meet it. The last one is the baseline."""

    name: str
    says: str = ""
    days: int = 7
    posts_per_day: int = 8
    seeds: tuple[int, ...] = (101, 102, 103, 104, 105)
    habits: Habits = field(default_factory=Habits)
    versions: tuple[Version, ...] = (
        Version(name="ours"), Version(name="baseline", chooses="by chance", pictures=False),
    )  # fmt: skip

    def posts_of(self, version: Version) -> int:
        """How many posts a version writes a day."""
        return self.posts_per_day if version.posts_per_day is None else version.posts_per_day


class Outcome(Struct, frozen=True, kw_only=True):
    """What one version came to with one crowd."""

    seed: int
    version: str
    posts: int
    impressions: int
    engagements: int

    @property
    def rate(self) -> float:
        """Engagements per impression."""
        return self.engagements / self.impressions if self.impressions else 0.0


class Interval(Struct, frozen=True, kw_only=True):
    """A mean, and where the truth lies in 95 of 100 such rehearsals."""

    mean: float
    low: float
    high: float


def interval(values: Sequence[float]) -> Interval:
    """Of few independent values."""
    mean = fmean(values)
    half = _T.get(len(values) - 1, 1.96) * stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Interval(mean=round(mean, 4), low=round(mean - half, 4), high=round(mean + half, 4))


def ratios(week: Week, outcomes: Sequence[Outcome], version: str) -> list[float]:
    """Seed by seed, how many times the baseline's rate a version has."""
    rates = {(one.seed, one.version): one.rate for one in outcomes}
    baseline = week.versions[-1].name
    return [rates[seed, version] / max(1e-9, rates[seed, baseline]) for seed in week.seeds]
