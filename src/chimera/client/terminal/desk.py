"""Rulings on their way: each waits a few seconds in which it can be taken back, then it is sent. Draws nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from chimera.client.shapes import ReviewRow
from chimera.domain.errors import ChimeraError
from chimera.ports.clock import Clock

UNDO_SECONDS = 5.0
Send = Callable[[], Awaitable[object]]


class Desk:
    """What was ruled here and is not sent yet, the latest last; and what was sent, so that it does not show again."""

    def __init__(self, *, clock: Clock, failed: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._clock = clock
        self._failed = failed
        self._changed = changed
        self._waiting: dict[str, asyncio.Task[None]] = {}
        self._sent: dict[str, int] = {}
        self._leaving = asyncio.Event()

    def hides(self, row: ReviewRow) -> bool:
        """Whether it was ruled on here as it stands; what has changed since then is shown again."""
        return row.id in self._waiting or row.version <= self._sent.get(row.id, 0)

    def rule(self, row: ReviewRow, label: str, send: Send) -> None:
        """Send this in a few seconds, unless it is taken back."""
        if not self.hides(row):
            self._waiting[row.id] = asyncio.create_task(self._later(row, label, send))

    def undo(self) -> str:
        """Take the latest back: the review's id, or nothing when everything is sent."""
        if not self._waiting:
            return ""
        review_id, waiting = self._waiting.popitem()
        waiting.cancel()
        return review_id

    async def close(self) -> None:
        """Whoever leaves has not changed their mind: what waits is sent now."""
        self._leaving.set()
        await asyncio.gather(*self._waiting.values(), return_exceptions=True)

    async def _later(self, row: ReviewRow, label: str, send: Send) -> None:
        with contextlib.suppress(TimeoutError):
            async with self._clock.timeout(UNDO_SECONDS):
                await self._leaving.wait()
        self._sent[row.id] = row.version
        self._waiting.pop(row.id, None)
        try:
            await send()
        except ChimeraError as error:
            del self._sent[row.id]
            self._failed(f"{label}: not done. {error}")
        self._changed()
