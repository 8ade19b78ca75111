"""Whoever asks within a moment is answered together: one look, or one word, for many. Decides nothing about any."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX


class Gathering:
    """Ids that are acted on together, each once however often it came, in the order in which they came."""

    def __init__(self, act: Callable[[tuple[str, ...]], Awaitable[None]], *, seconds: float, clock: Clock) -> None:
        self._act = act
        self._seconds = seconds
        self._clock = clock
        self._came: dict[str, None] = {}
        self._running: asyncio.Task[None] | None = None

    def offer(self, *ids: str) -> None:
        """These with the next ones."""
        self._came.update(dict.fromkeys(ids))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Nothing more is acted on."""
        self._came.clear()
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        while self._came:
            await self._clock.sleep(self._seconds)
            ids = tuple(self._came)[:LIST_MAX]
            for one in ids:
                self._came.pop(one, None)
            await self._act(ids)
