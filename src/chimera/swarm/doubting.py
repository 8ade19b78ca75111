"""Checks by this process's own line what workers say of the gateway. Works on nothing, and decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from msgspec.structs import replace

from chimera.domain.work import GATEWAY_AWAY, Assignment, Result
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch

# A gateway behind a host that is cut off does not even refuse.
LOOK_SECONDS_MAX = 1.0
LOOKED_AT_US = 2_000_000


class DoubtingDispatch:
    """Implements `ports.dispatch.Dispatch` around another. Where the gateway is away for us too, it is our own word."""

    def __init__(self, dispatch: Dispatch, answers: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        self._dispatch = dispatch
        self._answers = answers
        self._clock = clock
        self._seen = True
        self._seen_us = -LOOKED_AT_US

    @property
    def room(self) -> int:
        """That of the one behind."""
        return self._dispatch.room

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """To the one behind."""
        await self._dispatch.send(assignments)

    async def results(self) -> tuple[Result, ...]:
        """Those of the one behind; what is said of the gateway stands under our name where it is so."""
        found = await self._dispatch.results()
        if not any(one.failure.endswith(GATEWAY_AWAY) for one in found) or await self._stands():
            return found
        return tuple(replace(one, worker="") if one.failure.endswith(GATEWAY_AWAY) else one for one in found)

    async def close(self) -> None:
        """The one behind."""
        await self._dispatch.close()

    async def _stands(self) -> bool:
        """Whether the gateway answers us, looked at now and then."""
        now_us = self._clock.now_us()
        if now_us - self._seen_us >= LOOKED_AT_US:
            self._seen, self._seen_us = await self._looked(), now_us
        return self._seen

    async def _looked(self) -> bool:
        try:
            async with self._clock.timeout(LOOK_SECONDS_MAX):
                return await self._answers()
        except TimeoutError:
            return False
