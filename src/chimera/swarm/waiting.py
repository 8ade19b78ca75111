"""Reads what waits for the planner page by page: whoever has to wait keeps nobody else from being planned.

Plans nothing, and decides for nobody whether he has to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from chimera.domain.record import Record
from chimera.ports.clock import Clock
from chimera.ports.store import Reads

R = TypeVar("R", bound=Record)

# How long what had to wait is passed over, counted from the end of the queue.
PASSED_OVER_SECONDS = 2.0


class Waiting(Generic[R]):
    """One queue of records in one state. A full page of which most must wait is passed over for a while."""

    def __init__(
        self, kind: type[R], *, state: str, reads: Reads, shards: Sequence[int], at_once: int, clock: Clock
    ) -> None:
        self._kind = kind
        self._state = state
        self._reads = reads
        self._shards = tuple(shards)
        self._at_once = at_once
        self._clock = clock
        self._page: Sequence[R] = ()
        self._after = ""
        self._again_us = 0
        self._left_behind = False

    async def page(self) -> Sequence[R]:
        """What waits longest, beyond what is passed over."""
        if self._again_us and self._clock.now_us() >= self._again_us:
            self._begin_anew()
        self._page = await self._reads.list(
            self._kind, states=(self._state,), shards=self._shards, after=self._after, limit=self._at_once
        )
        return self._page

    def took(self, count: int, *, left: int = 0) -> bool:
        """So many of the page were taken on, and so many could have been beside; whether the next page comes now."""
        self._left_behind = self._left_behind or left > 0
        if len(self._page) < self._at_once:
            self._at_the_end()
            return False
        if 2 * count >= len(self._page):
            return False
        self._after = self._page[-1].id
        return True

    def _at_the_end(self) -> None:
        """Where somebody was left who could go on, again from the front; otherwise after a while."""
        if self._left_behind:
            self._begin_anew()
        elif self._after and not self._again_us:
            self._again_us = self._clock.now_us() + round(PASSED_OVER_SECONDS * 1_000_000)

    def _begin_anew(self) -> None:
        self._after, self._again_us, self._left_behind = "", 0, False
