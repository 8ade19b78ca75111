"""The machine's own clock, and ids from its entropy."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from chimera.domain import ids


class SystemClock:
    """Implements `ports.clock.Clock`. Sleeping goes by the event loop, so a virtual loop makes it virtual."""

    def now_us(self) -> int:
        """Microseconds since 1970."""
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        """Let others run for a while."""
        await asyncio.sleep(seconds)

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        """Raises `TimeoutError` inside after so long."""
        return asyncio.timeout(seconds)


class SystemIds:
    """Implements `ports.ids.Ids`."""

    def new(self) -> str:
        """A fresh id."""
        return ids.build(at_us=time.time_ns() // 1_000, entropy=secrets.randbits(74))
