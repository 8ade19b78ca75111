"""A figure that is read at most so often, however many ask: the slower it is to read, the longer it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from chimera.ports.clock import Clock

T = TypeVar("T")
TIMES_MAX = 20


class Kept(Generic[T]):
    """One reader at a time; the others get what it found."""

    def __init__(self, read: Callable[[], Awaitable[T]], *, clock: Clock, seconds: float) -> None:
        self._read = read
        self._clock = clock
        self._kept_us = round(seconds * 1_000_000)
        self._found: T | None = None
        self._good_until_us = 0
        self._lock = asyncio.Lock()

    async def get(self) -> T:
        """The figure, fresh enough."""
        async with self._lock:
            since_us = self._clock.now_us()
            if self._found is None or since_us >= self._good_until_us:
                self._found = await self._read()
                now_us = self._clock.now_us()
                self._good_until_us = now_us + max(self._kept_us, TIMES_MAX * (now_us - since_us))
            return self._found
