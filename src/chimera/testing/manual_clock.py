"""A clock that moves only when somebody sleeps or says so. For tests of single parts; the simulator has its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from chimera.domain.durations import SECOND_US


class ManualClock:
    """Time as told. Sleeping takes no time of ours; what would outlast its time-out is told so when it wakes."""

    def __init__(self, *, now_us: int = 1_700_000_000 * SECOND_US) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        """The time as it was last told."""
        return self._now_us

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now_us += int(seconds * SECOND_US)

    async def sleep(self, seconds: float) -> None:
        """Time passes at once, and everybody else has a turn: a loop that only pauses would keep them out for ever."""
        self.advance(seconds)
        await asyncio.sleep(0)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[None]:
        """Raises `TimeoutError` at the end of a block in which more time has passed."""
        return self._timed(seconds)

    @asynccontextmanager
    async def _timed(self, seconds: float) -> AsyncGenerator[None]:
        until_us = self._now_us + int(seconds * SECOND_US)
        yield
        if self._now_us > until_us:
            raise TimeoutError
