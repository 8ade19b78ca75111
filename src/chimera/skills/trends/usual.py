"""How much talk about a topic is usual at an hour of the day: a memory that fades. Judges nothing."""

from __future__ import annotations

SLOTS = 24
FADE_PER_DAY = 0.85
FADE_PER_HOUR = FADE_PER_DAY ** (1 / 24)
PRIOR_DAYS = 1.0
TOPICS_MAX = 200_000
# A burst must not become what is usual: an hour counts at most as this many times what was usual, and some more.
CLIP_TIMES = 3.0
CLIP_MORE = 5.0
FORGOTTEN_BELOW = 0.05


class _Past:
    """One topic's past: voices per hour of the day, and overall."""

    __slots__ = ("hour", "level", "slots")

    def __init__(self, hour: int) -> None:
        self.hour = hour
        self.level = 0.0
        self.slots: dict[int, tuple[int, float]] = {}


class Usual:
    """Voices per topic and hour that were usual until now. An hour is told once, when it is over."""

    def __init__(self) -> None:
        self._past: dict[str, _Past] = {}
        self._hours = 0.0
        self._days = [0.0] * SLOTS
        self._traffic = [0.0] * SLOTS
        self._traffic_level = 0.0
        self.hours_told = 0

    def tell(self, hour: int, voices: dict[str, int], *, posts: int) -> None:
        """What was said in this hour: distinct voices for each topic that had some."""
        slot = hour % SLOTS
        self._days[slot] = self._days[slot] * FADE_PER_DAY + 1.0
        self._traffic[slot] = self._traffic[slot] * FADE_PER_DAY + posts
        self._hours = self._hours * FADE_PER_HOUR + 1.0
        self._traffic_level = self._traffic_level * FADE_PER_HOUR + posts
        for key, count in voices.items():
            self._add(key, hour, count)
        self.hours_told += 1
        if len(self._past) > TOPICS_MAX:
            self._forget(hour)

    def expected(self, key: str, hour: int) -> float:
        """Voices that this hour usually has. Where the topic's own hour is not known, its level and the day's shape."""
        past = self._past.get(key)
        if past is None or self._hours == 0:
            return 0.0
        slot = hour % SLOTS
        level = past.level * FADE_PER_HOUR ** max(0, hour - past.hour) / self._hours
        told = past.slots.get(slot)
        own = told[1] * FADE_PER_DAY ** max(0, (hour - told[0]) // SLOTS - 1) if told else 0.0
        return (own + PRIOR_DAYS * level * self._shape(slot)) / (self._days[slot] + PRIOR_DAYS)

    def _shape(self, slot: int) -> float:
        """How busy this hour of the day is against the average."""
        if self._days[slot] == 0 or self._traffic_level == 0:
            return 1.0
        return (self._traffic[slot] / self._days[slot]) / (self._traffic_level / self._hours)

    def _add(self, key: str, hour: int, count: int) -> None:
        past = self._past.get(key)
        if past is None:
            past = self._past[key] = _Past(hour)
        elif self.hours_told >= SLOTS:
            count = min(count, int(CLIP_TIMES * self.expected(key, hour) + CLIP_MORE))
        past.level = past.level * FADE_PER_HOUR ** (hour - past.hour) + count
        past.hour = hour
        slot = hour % SLOTS
        before, told = past.slots.get(slot, (hour, 0.0))
        past.slots[slot] = (hour, told * FADE_PER_DAY ** ((hour - before) // SLOTS) + count)

    def _forget(self, hour: int) -> None:
        """What nobody has talked about for long."""
        kept = {
            key: past
            for key, past in self._past.items()
            if past.level * FADE_PER_HOUR ** (hour - past.hour) / self._hours >= FORGOTTEN_BELOW
        }
        self._past = kept if len(kept) <= TOPICS_MAX else dict(list(kept.items())[-TOPICS_MAX:])
