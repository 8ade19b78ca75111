"""The machine's own clock, and ids from its entropy."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from chimera.domain import ids

IDS_AT_ONCE = 64
# 80 bits, of which an id takes 74.
_ENTROPY_BYTES = 10


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
    """Implements `ports.ids.Ids`. Asks for entropy for many at once: each time costs more than the rest of an id."""

    def __init__(self) -> None:
        self._entropy = b""
        self._owner = 0

    def new(self) -> str:
        """A fresh id. Whoever was forked does not go on with its parent's entropy."""
        if not self._entropy or self._owner != os.getpid():
            self._entropy, self._owner = os.urandom(_ENTROPY_BYTES * IDS_AT_ONCE), os.getpid()
        mine, self._entropy = self._entropy[:_ENTROPY_BYTES], self._entropy[_ENTROPY_BYTES:]
        return ids.build(at_us=time.time_ns() // 1_000, entropy=int.from_bytes(mine) >> 6)
