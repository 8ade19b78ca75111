"""The machine's own time, for a connector that is a process of its own and has nobody to hand it a clock."""

from __future__ import annotations

import asyncio
import contextlib
import time


class MachineClock:
    """The machine's own time. A process of its own has nobody to hand it a clock."""

    def now_us(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1_000  # noqa: TID251 — this is the clock that the ban points to.

    async def sleep(self, seconds: float) -> None:
        """Wait in real time."""
        await asyncio.sleep(seconds)  # noqa: TID251 — as above.

    def timeout(self, seconds: float) -> contextlib.AbstractAsyncContextManager[object]:
        """Raise `TimeoutError` after so long in real time."""
        return asyncio.timeout(seconds)  # noqa: TID251 — as above.
