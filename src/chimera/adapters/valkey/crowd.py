"""Which worker processes there are, which of them live, and who has room.

Believes what each says of itself, within bounds: whoever says that he can carry everything is given no more at once
than others have, and whoever cannot reach the gateway is left alone for a while.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from chimera.adapters.valkey.slices import Hello
from chimera.domain.presence import Heard, plain
from chimera.domain.recent import Recent

SILENT_US_MAX = 3_000_000
# As many as a worker process may be set to carry.
CAPACITY_MAX = 20_000
# A worker that cannot reach the gateway can do nothing. One that was only started anew is back soon.
REST_SECONDS, REST_SECONDS_MAX = 1, 10
# Who ended in order is remembered, so many of them, for whoever asks.
LEFT_MAX = 1_000


class Life(Struct, frozen=True):
    """One life of one worker process."""

    worker: str
    incarnation: str


class Crowd:
    """Keeps for every worker its present life, what it can carry, and what this manager has given it."""

    def __init__(self) -> None:
        self._hellos: dict[str, tuple[Hello, int]] = {}
        self._given: Counter[Life] = Counter()
        self._deaf_until_us = 0
        self._resting: dict[str, int] = {}
        self._rests: Counter[str] = Counter()
        self._left: Recent[Life, tuple[Hello, int]] = Recent(LEFT_MAX)

    @property
    def workers(self) -> tuple[str, ...]:
        """Everybody who ever spoke and was not given up."""
        return tuple(self._hellos)

    @property
    def room(self) -> int:
        """How many more tasks all of them together can carry."""
        return sum(self._room_of(worker) for worker in self._hellos)

    def heard(self, worker: str, hello: Hello, *, now_us: int) -> None:
        """A worker spoke; its last word is that it ends, and is taken from the life that we know."""
        life = Life(worker, hello.incarnation)
        if not hello.ends:
            self._hellos[worker] = (hello, now_us)
        elif self.is_living(life):
            del self._hellos[worker]
            self._left[life] = (hello, now_us)

    def was_deaf(self, *, now_us: int) -> None:
        """We did not listen for a while: nobody's silence until now counts."""
        self._deaf_until_us = now_us

    def give_up_silent(self, *, now_us: int) -> None:
        """Forget who has been silent for too long, and who has rested."""
        self._resting = {worker: until_us for worker, until_us in self._resting.items() if until_us > now_us}
        for worker, (_, heard_us) in tuple(self._hellos.items()):
            if now_us - max(heard_us, self._deaf_until_us) > SILENT_US_MAX:
                del self._hellos[worker]
                self._rests.pop(worker, None)

    def heard_of(self, *, now_us: int) -> tuple[Heard, ...]:
        """Everybody who spoke of late, and everybody who ended in order and does not live anew."""
        last = {**{life.worker: found for life, found in self._left.items()}, **self._hellos}
        return tuple(
            Heard(plain(worker), plain(hello.process), about(hello), max(0, now_us - heard_us), hello.ends)
            for worker, (hello, heard_us) in last.items()
        )

    def has_left(self, life: Life) -> bool:
        """Whether this very life ended in order: what it had has not ended it."""
        return life in self._left

    def is_living(self, life: Life) -> bool:
        """Whether this very life is still the worker's present one."""
        found = self._hellos.get(life.worker)
        return found is not None and found[0].incarnation == life.incarnation

    @property
    def awake(self) -> frozenset[str]:
        """Everybody who is not left alone."""
        return frozenset(self._hellos.keys() - self._resting.keys())

    def with_room(self) -> list[tuple[Life, int]]:
        """Who has room and how much; first whoever has least to do, and of those whoever has most room."""
        found = [(self._busy_of(worker), -room, worker) for worker in self._hellos if (room := self._room_of(worker))]
        return [(self._life_of(worker), -room) for _, room, worker in sorted(found)]

    def rest(self, worker: str, *, now_us: int) -> None:
        """Give it nothing for a while, twice as long each time. What it had beside says nothing new."""
        if worker in self._hellos and worker not in self._resting:
            seconds = min(REST_SECONDS_MAX, REST_SECONDS << min(self._rests[worker], REST_SECONDS_MAX))
            self._rests[worker] += 1
            self._resting[worker] = now_us + seconds * 1_000_000

    def has_rested(self, worker: str) -> None:
        """It made something: whatever it could not reach, it can."""
        self._rests.pop(worker, None)

    def given(self, life: Life, count: int) -> None:
        """So many more are out with it."""
        self._given[life] += count

    def returned(self, life: Life) -> None:
        """One that was out with it is back, or given up."""
        self._given[life] -= 1
        if self._given[life] <= 0:
            del self._given[life]

    def _room_of(self, worker: str) -> int:
        if worker in self._resting:
            return 0
        return max(0, min(self._hellos[worker][0].capacity, CAPACITY_MAX) - self._busy_of(worker))

    def _busy_of(self, worker: str) -> int:
        """What it said may hold what other managers gave it; what it has not said yet, we know ourselves."""
        return max(self._hellos[worker][0].busy, self._given[self._life_of(worker)])

    def _life_of(self, worker: str) -> Life:
        return Life(worker, self._hellos[worker][0].incarnation)


def about(hello: Hello) -> str:
    """What it says of itself, within bounds."""
    busy, capacity = (max(0, min(one, CAPACITY_MAX)) for one in (hello.busy, hello.capacity))
    return f"busy with {busy} of {capacity} tasks"
