"""Looks at budget windows for many who ask at once, by one read at a time. The database has the last word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chimera.domain.budget import Window
from chimera.governance.together import Together
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

FRESH_US = 100_000
# A window with room for so many payments like this one is not looked at again before so long.
ROOMY_TIMES = 100
ROOMY_FRESH_US = 1_000_000
KNOWN_MAX = 50_000
_UNREAD: tuple[Window | None, int] = (None, -(10**18))


class Rooms:
    """Windows by their ids, with the time at which each was read. A window that does not exist yet has all its room."""

    def __init__(self, *, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._reading = Together(self._read)
        self._known: dict[str, tuple[Window | None, int]] = {}

    async def of(self, windows: Iterable[str], *, micros: int) -> tuple[Window, ...]:
        """Those that exist, for a payment of so much. However long a read takes, who waited for it takes it."""
        now_us = self._clock.now_us()
        found: dict[str, Window | None] = {}
        stale: list[str] = []
        for key in windows:
            found[key], read_us = self._known.get(key, _UNREAD)
            if not _will_do(found[key], age_us=now_us - read_us, micros=micros):
                stale.append(key)
        if stale:
            found.update(zip(stale, await self._reading.ask(tuple(stale)), strict=True))
        return tuple(window for window in found.values() if window is not None)

    async def _read(self, asked: Sequence[tuple[str, ...]]) -> list[tuple[Window | None, ...]]:
        wanted = {key for keys in asked for key in keys}
        now_us = self._clock.now_us()
        found = {window.id: window for window in await self._reads.windows(sorted(wanted))}
        if len(self._known) > KNOWN_MAX:
            self._known.clear()
        self._known.update({key: (found.get(key), now_us) for key in wanted})
        return [tuple(found.get(key) for key in keys) for keys in asked]


def _will_do(window: Window | None, *, age_us: int, micros: int) -> bool:
    """Whether what was read then says enough about a payment now."""
    is_roomy = window is not None and window.room_micros >= micros * ROOMY_TIMES
    return age_us <= (ROOMY_FRESH_US if is_roomy else FRESH_US)
