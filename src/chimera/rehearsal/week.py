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

from chimera.learning.variants import Bandit
from chimera.rehearsal.crowd import HOURS, Crowd, Habits, Shown
from chimera.rehearsal.dice import Dice

TALKED_ABOUT = 4
# Student's t for a 95 % interval, by one less than the number of seeds.
_T = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262}
_DRAWS = 1 << 53


class Version(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one version of an agent chooses."""

    name: str
    chooses: Literal["by chance", "by what it learns"] = "by what it learns"
    pictures: bool = True


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


def rehearse(week: Week) -> tuple[Outcome, ...]:
    """Every version before every crowd."""
    return tuple(_lived(week, version, seed) for seed in week.seeds for version in week.versions)


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


def _lived(week: Week, version: Version, seed: int) -> Outcome:
    hours = week.days * HOURS
    crowd = Crowd(week.habits, seed=seed, hours=hours)
    chooser = _Chooser(week, version, Dice.of(seed, "version", version.name))
    impressions = engagements = 0
    for day in range(week.days):
        for shown in chooser.day(day, crowd):
            response = crowd.meet(shown)
            chooser.learn(shown, response.impressions, response.engagements)
            impressions, engagements = impressions + response.impressions, engagements + response.engagements
    return Outcome(seed=seed, version=version.name, posts=week.days * week.posts_per_day, impressions=impressions,
                   engagements=engagements)  # fmt: skip


class _Chooser:
    """Topics, hours and pictures: one bandit each, because there are too few posts to learn of every combination."""

    def __init__(self, week: Week, version: Version, dice: Dice) -> None:
        self._week, self._version, self._dice = week, version, dice
        self._topics = Bandit([str(topic) for topic in range(week.habits.topics)], draw=self._draw)
        self._hours = Bandit([str(hour) for hour in range(HOURS)], draw=self._draw)

    def day(self, day: int, crowd: Crowd) -> list[Shown]:
        """The posts of one day, in the order of their hours."""
        by_chance = self._version.chooses == "by chance"
        hours = [self._dice.below(HOURS) if by_chance else self._hour() for _ in range(self._week.posts_per_day)]
        return [self._post(day * HOURS + hour, crowd, by_chance=by_chance) for hour in sorted(hours)]

    def _hour(self) -> int:
        return int(self._hours.choose())

    def _post(self, hour: int, crowd: Crowd, *, by_chance: bool) -> Shown:
        if by_chance:
            return Shown(topic=self._dice.below(self._week.habits.topics), hour=hour, picture=self._version.pictures)
        talked = [str(topic) for topic in crowd.talk(hour)[:TALKED_ABOUT]]
        return Shown(topic=int(self._topics.choose(among=talked)), hour=hour, picture=self._version.pictures)

    def learn(self, shown: Shown, impressions: int, engagements: int) -> None:
        """What came of a post."""
        if self._version.chooses == "by chance":
            return
        self._topics.learn(str(shown.topic), impressions=impressions, engagements=engagements)
        self._hours.learn(str(shown.hour % HOURS), impressions=impressions, engagements=engagements)

    def _draw(self) -> float:
        return (self._dice.below(_DRAWS) + 0.5) / _DRAWS
