"""A doorbell: wakes whoever waits, and wakes it anyway after a while, because a bell may be missed."""

from __future__ import annotations

import asyncio

from chimera.ports.clock import Clock


class Bell:
    """Rings are not counted: one is enough to look."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake whoever waits now or next."""
        self._rung.set()

    async def wait(self, *, seconds_max: float) -> bool:
        """Until the bell rings, or the time is up; whether it rang."""
        try:
            async with self._clock.timeout(seconds_max):
                await self._rung.wait()
        except TimeoutError:
            return False
        finally:
            self._rung.clear()
        return True
