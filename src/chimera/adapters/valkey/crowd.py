"""Which worker processes there are, which of them live, and who has room. Believes what each says of itself."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from chimera.adapters.valkey.slices import Hello

SILENT_US_MAX = 3_000_000


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

    @property
    def workers(self) -> tuple[str, ...]:
        """Everybody who ever spoke and was not given up."""
        return tuple(self._hellos)

    @property
    def room(self) -> int:
        """How many more tasks all of them together can carry."""
        return sum(self._room_of(worker) for worker in self._hellos)

    def heard(self, worker: str, hello: Hello, *, now_us: int) -> None:
        """A worker spoke."""
        self._hellos[worker] = (hello, now_us)

    def was_deaf(self, *, now_us: int) -> None:
        """We did not listen for a while: nobody's silence until now counts."""
        self._deaf_until_us = now_us

    def give_up_silent(self, *, now_us: int) -> None:
        """Forget who has been silent for too long."""
        for worker, (_, heard_us) in tuple(self._hellos.items()):
            if now_us - max(heard_us, self._deaf_until_us) > SILENT_US_MAX:
                del self._hellos[worker]

    def is_living(self, life: Life) -> bool:
        """Whether this very life is still the worker's present one."""
        found = self._hellos.get(life.worker)
        return found is not None and found[0].incarnation == life.incarnation

    def roomiest(self) -> tuple[Life, int] | None:
        """Who has most room, and how much; None when nobody has any."""
        worker = max(self._hellos, key=self._room_of, default=None)
        if worker is None or (room := self._room_of(worker)) <= 0:
            return None
        return Life(worker, self._hellos[worker][0].incarnation), room

    def given(self, life: Life, count: int) -> None:
        """So many more are out with it."""
        self._given[life] += count

    def returned(self, life: Life) -> None:
        """One that was out with it is back, or given up."""
        self._given[life] -= 1
        if self._given[life] <= 0:
            del self._given[life]

    def _room_of(self, worker: str) -> int:
        hello, _ = self._hellos[worker]
        # What it said may hold what other managers gave it; what it has not said yet, we know ourselves.
        return max(0, hello.capacity - max(hello.busy, self._given[Life(worker, hello.incarnation)]))
