"""A crowd of ten thousand and more that reads posts: interests, waking hours, moods, fatigue, and what spreads.

Drawn from a seed, all of it at once: it answers one post in milliseconds. Knows no fleet; what it likes is invented.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

HOURS = 24
Numbers = NDArray[np.float64]


class Habits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a crowd is like. Shares are of ten thousand."""

    people: int = 10_000
    topics: int = 12
    interests: int = 3
    hot_topics: int = 2
    hot_hours: int = 12
    sees_bp: int = 300
    sees_interested_bp: int = 600
    likes_bp: int = 60
    likes_interested_bp: int = 450
    hot_times: float = 2.0
    picture_times: float = 1.25
    mood_spread: float = 0.25
    tires: float = 0.06
    rests_hours: float = 24.0
    shares_bp: int = 800
    reached_by_share: int = 12
    waves_max: int = 3


class Shown(Struct, frozen=True, kw_only=True):
    """A post as the crowd meets it: what it is about, at which hour of the rehearsal, whether it has a picture."""

    topic: int
    hour: int
    picture: bool = False


class Response(Struct, frozen=True, kw_only=True):
    """How many saw it, and how many did something about it."""

    impressions: int
    engagements: int


class Crowd:
    """One crowd, from one seed. It remembers how tired each of them is of us."""

    def __init__(self, habits: Habits, *, seed: int, hours: int) -> None:
        self._habits = habits
        self._chance = np.random.default_rng(seed)
        self._keen = self._interests()
        self._awake = self._waking()
        self._mood = np.clip(
            self._chance.normal(1.0, habits.mood_spread, (hours // HOURS + 1, habits.people)), 0.2, 2.0
        )
        self._hot = self._heat(hours)
        self._tired = np.zeros(habits.people)
        self._tired_at = 0

    def talk(self, hour: int) -> list[int]:
        """What anybody can see: the topics, the most talked about first, with the noise that public talk has."""
        popular = self._keen.mean(axis=0) * np.where(self._hot[hour], self._habits.hot_times, 1.0)
        noisy = popular * self._chance.normal(1.0, 0.2, self._habits.topics)
        return [int(topic) for topic in np.argsort(-noisy)]

    def meet(self, post: Shown) -> Response:
        """The crowd meets a post: who is awake may see it, who likes it may pass it on."""
        habits, keen = self._habits, self._keen[:, post.topic]
        self._rest(post.hour)
        sees = np.where(keen, habits.sees_interested_bp, habits.sees_bp) / 10_000 * self._awake[:, post.hour % HOURS]
        likes = np.where(keen, habits.likes_interested_bp, habits.likes_bp) / 10_000 * self._mood[post.hour // HOURS]
        likes = likes * (habits.hot_times if self._hot[post.hour, post.topic] else 1.0)
        likes = np.clip(likes * (habits.picture_times if post.picture else 1.0), 0.0, 0.9)
        seen, engaged = self._first(sees), np.zeros(habits.people, dtype=bool)
        fresh = seen
        for _ in range(habits.waves_max):
            moved = fresh & (self._chance.random(habits.people) < likes * np.exp(-self._tired))
            engaged |= moved
            fresh = self._reached(int(moved.sum()), post.hour) & ~seen
            seen |= fresh
        self._tired[seen] += habits.tires
        return Response(impressions=int(seen.sum()), engagements=int(engaged.sum()))

    def _interests(self) -> NDArray[np.bool_]:
        """Some topics are everybody's, some are few people's."""
        pull = 1.0 / np.arange(1, self._habits.topics + 1)
        self._chance.shuffle(pull)
        keys = self._chance.random((self._habits.people, self._habits.topics)) ** (1.0 / pull)
        chosen = np.argsort(-keys, axis=1)[:, : self._habits.interests]
        keen = np.zeros((self._habits.people, self._habits.topics), dtype=bool)
        np.put_along_axis(keen, chosen, values=True, axis=1)
        return keen

    def _waking(self) -> Numbers:
        """Most look in the evening, some at noon, few at night."""
        centre = self._chance.choice([8.0, 13.0, 20.0, 21.0], self._habits.people, p=[0.15, 0.2, 0.4, 0.25])
        away = np.abs((np.arange(HOURS)[None, :] - centre[:, None] + HOURS / 2) % HOURS - HOURS / 2)
        return np.exp(-((away / 3.0) ** 2))

    def _heat(self, hours: int) -> NDArray[np.bool_]:
        hot = np.zeros((hours + HOURS, self._habits.topics), dtype=bool)
        for start in range(0, hours + HOURS, self._habits.hot_hours):
            topics = self._chance.choice(self._habits.topics, self._habits.hot_topics, replace=False)
            hot[start : start + self._habits.hot_hours, topics] = True
        return hot

    def _first(self, sees: Numbers) -> NDArray[np.bool_]:
        return self._chance.random(self._habits.people) < sees

    def _reached(self, moved: int, hour: int) -> NDArray[np.bool_]:
        """Whom those reach who pass it on."""
        sharing = int(self._chance.binomial(moved, self._habits.shares_bp / 10_000))
        reached = np.zeros(self._habits.people, dtype=bool)
        if sharing:
            reached[self._chance.integers(0, self._habits.people, sharing * self._habits.reached_by_share)] = True
        return reached & (self._chance.random(self._habits.people) < self._awake[:, hour % HOURS])

    def _rest(self, hour: int) -> None:
        self._tired *= 0.5 ** ((hour - self._tired_at) / self._habits.rests_hours)
        self._tired_at = hour
