"""A week as each version of an agent lives it before a crowd. Needs numpy; what it comes to is told by `week`."""

from __future__ import annotations

from chimera.learning.variants import Bandit
from chimera.rehearsal.crowd import Crowd
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.habits import HOURS, Shown
from chimera.rehearsal.week import Outcome, Version, Week

TALKED_ABOUT = 4
_DRAWS = 1 << 53


def rehearse(week: Week) -> tuple[Outcome, ...]:
    """Every version before every crowd."""
    return tuple(_lived(week, version, seed) for seed in week.seeds for version in week.versions)


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
    return Outcome(seed=seed, version=version.name, posts=week.days * week.posts_of(version), impressions=impressions,
                   engagements=engagements)  # fmt: skip


class _Chooser:
    """Topics, hours and pictures: one bandit each, because there are too few posts to learn of every combination."""

    def __init__(self, week: Week, version: Version, dice: Dice) -> None:
        self._week, self._version, self._dice = week, version, dice
        self._topics = Bandit([str(topic) for topic in range(week.habits.topics)], draw=self._draw)
        self._open = version.hours or tuple(range(HOURS))
        self._hours = Bandit([str(hour) for hour in self._open], draw=self._draw)

    def day(self, day: int, crowd: Crowd) -> list[Shown]:
        """The posts of one day, in the order of their hours."""
        by_chance = self._version.chooses == "by chance"
        hours = [self._hour(by_chance=by_chance) for _ in range(self._week.posts_of(self._version))]
        return [self._post(day * HOURS + hour, crowd, by_chance=by_chance) for hour in sorted(hours)]

    def _hour(self, *, by_chance: bool) -> int:
        return self._open[self._dice.below(len(self._open))] if by_chance else int(self._hours.choose())

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
