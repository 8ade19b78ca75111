"""How long to wait for a database that is away, and how often to knock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from chimera.domain.errors import Unavailable

_FIRST_SECONDS = 0.05
_PAUSE_SECONDS_MAX = 1.0


def unreachable(what: str, why: Exception | None = None) -> Unavailable:
    """It does not answer, or answers that it has no connection left; nothing was written."""
    if isinstance(why, asyncpg.TooManyConnectionsError):
        return Unavailable("store_connections_used_up", f"{what} has no connection left ({why})"[:300],
                           remedy="stop processes that are not needed, or raise max_connections")  # fmt: skip
    return Unavailable(
        "store_unreachable", f"{what} does not answer", remedy="see whether PostgreSQL runs: chimera doctor"
    )


def unresolved(what: str) -> Unavailable:
    """It does not answer, and may have written what was on its way."""
    return Unavailable(
        "commit_unresolved",
        f"{what} does not say whether it has committed",
        remedy="read again: a repeated change is stale if the first was written",
    )


class Patience:
    """Attempts with growing pauses, for a bounded time. Told what each attempt met, it can say so in the end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._met: Exception | None = None

    def met(self, error: Exception) -> None:
        """Why an attempt came to nothing."""
        self._met = error

    async def attempts(self, what: str) -> AsyncIterator[int]:
        """One number for each attempt; `Unavailable` when the time is over. The caller leaves the loop on success."""
        clock = asyncio.get_running_loop().time
        end, pause, number = clock() + self._seconds, _FIRST_SECONDS, 0
        while True:
            number += 1
            yield number
            owner = asyncio.current_task()
            if owner is not None and owner.cancelling():
                # The driver told us of its connection, and not that we were cancelled: nobody will a second time.
                raise asyncio.CancelledError
            if clock() + pause > end:
                raise unreachable(what, self._met)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _PAUSE_SECONDS_MAX)
