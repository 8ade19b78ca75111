"""The machine's own clock, and ids from its entropy."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

from chimera.domain import ids

IDS_AT_ONCE = 64
# 76 bits: 74 of an id, and two that its variant takes no notice of.
_DIGITS = 19


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
        self._endings: list[str] = []
        self._owner = 0
        self._at_ms = -1
        self._prefix = ""

    def new(self) -> str:
        """A fresh id. Whoever was forked does not go on with its parent's entropy."""
        if not self._endings or self._owner != os.getpid():
            self._endings, self._owner = _endings(), os.getpid()
        at_ms = time.time_ns() // 1_000_000
        if at_ms != self._at_ms:
            self._at_ms, self._prefix = at_ms, ids.beginning(at_ms)
        return self._prefix + self._endings.pop()


def _endings() -> list[str]:
    digits = os.urandom(IDS_AT_ONCE * _DIGITS // 2).hex()
    return [ids.ending(digits[start : start + _DIGITS]) for start in range(0, len(digits), _DIGITS)]
