"""Looks at budget windows for many who ask at once, by one read at a time. The database has the last word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chimera.domain.budget import Window
from chimera.governance.together import Together
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

FRESH_US = 100_000
KNOWN_MAX = 50_000


class Rooms:
    """Windows by their ids, with the time at which each was read. A window that does not exist yet has all its room."""

    def __init__(self, *, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._reading = Together(self._read)
        self._known: dict[str, tuple[Window | None, int]] = {}

    async def of(self, windows: Iterable[str]) -> tuple[Window, ...]:
        """Those that exist. However long a read takes, what it found is new enough for whoever waited for it."""
        keys = tuple(windows)
        if not self._are_fresh(keys):
            return await self._reading.ask(keys)
        return self._found(keys)

    def _found(self, keys: Iterable[str]) -> tuple[Window, ...]:
        found = (self._known.get(key, (None, 0))[0] for key in keys)
        return tuple(window for window in found if window is not None)

    def _are_fresh(self, keys: Iterable[str]) -> bool:
        since_us = self._clock.now_us() - FRESH_US
        return all(key in self._known and self._known[key][1] >= since_us for key in keys)

    async def _read(self, asked: Sequence[tuple[str, ...]]) -> list[tuple[Window, ...]]:
        wanted = {key for keys in asked for key in keys}
        now_us = self._clock.now_us()
        found = {window.id: window for window in await self._reads.windows(sorted(wanted))}
        if len(self._known) > KNOWN_MAX:
            self._known.clear()
        self._known.update({key: (found.get(key), now_us) for key in wanted})
        return [self._found(keys) for keys in asked]
