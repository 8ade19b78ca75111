"""What we need from time. For leases and expiry the store's clock counts, not this one."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Clock(Protocol):
    """The time, sleeping, and time-outs (which raise `TimeoutError`)."""

    def now_us(self) -> int: ...

    async def sleep(self, seconds: float) -> None: ...

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]: ...
