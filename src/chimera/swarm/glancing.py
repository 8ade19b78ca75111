"""Looks at what came in since the last look, so that what is being planned is not read again and again. Plans nothing.

A glance may miss: who was let in late bears an earlier time, and who was named elsewhere bears that time. So a whole
page is read soon after, and at once where a glance finds nothing, or where anybody was left waiting.
"""

from __future__ import annotations

from collections.abc import Sequence

from chimera.domain import ids
from chimera.domain.campaign import Input
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

# A whole page is read so often at least.
WHOLE_US = 100_000
# Offices let in a batch at a time: whoever came a moment before may be let in a moment after.
OVERLAP_US = 5_000


class Glancing:
    """Only behind a page of which everything was taken, and only for a moment."""

    def __init__(self, *, reads: Reads, shards: Sequence[int], at_once: int, clock: Clock) -> None:
        self._reads = reads
        self._shards = tuple(shards)
        self._at_once = at_once
        self._clock = clock
        self._after = ""
        self._looked_us = 0
        self._is_all_taken = False

    async def newest(self) -> Sequence[Input]:
        """What came in lately; nothing where a whole page is due."""
        if not (self._after and self._is_all_taken and 0 <= self._clock.now_us() - self._looked_us < WHOLE_US):
            return ()
        found = await self._reads.list(
            Input, states=("admitted",), shards=self._shards, after=self._after, limit=self._at_once
        )
        self._saw(found)
        return found

    def looked(self, page: Sequence[Input], *, left: int) -> None:
        """A whole page was read, and so many of it wait."""
        self._looked_us = self._clock.now_us()
        self._is_all_taken = left == 0
        self._saw(page)

    def left(self, count: int) -> None:
        """So many of a glance wait: they stand in the next page."""
        self._is_all_taken = count == 0 and self._is_all_taken

    def _saw(self, found: Sequence[Input]) -> None:
        if len(found) >= self._at_once:
            self._is_all_taken = False
        elif found:
            newest_us = min(ids.at_us(found[-1].id), self._clock.now_us())
            self._after = ids.build(at_us=max(0, newest_us - OVERLAP_US), entropy=0)
