"""The top tier: listens for the fleet, closes what nobody ruled on, trips breakers, tells the vault. Does no task."""

from __future__ import annotations

import asyncio
from typing import Protocol

from chimera.governance.breakers import Breakers
from chimera.governance.noticing import Noticing
from chimera.governance.reviews import Reviews
from chimera.ports.clock import Clock
from chimera.ports.store import Reads
from chimera.swarm.bell import Bell
from chimera.swarm.listening import Listening
from chimera.swarm.loops import forever


class HaltsKeeper(Protocol):
    """Whoever has to know what is halted beside the database: the vault."""

    async def halt(self, halted: frozenset[str]) -> None: ...


class Orchestrator:
    """A few slow loops, whatever the number of agents."""

    def __init__(
        self, *, reviews: Reviews, reads: Reads, listening: Listening | None, vault: HaltsKeeper, arrived: Bell,
        clock: Clock, breakers: Breakers | None = None,
        noticing: Noticing | None = None,
    ) -> None:  # fmt: skip
        self._reviews = reviews
        self._reads = reads
        self._listening = listening
        self._vault = vault
        self._arrived = arrived
        self._clock = clock
        self._breakers = breakers
        self._noticing = noticing

    async def run(self) -> None:
        """Until cancelled."""
        never = Bell(self._clock)
        async with asyncio.TaskGroup() as loops:
            for name, once, seconds in (
                ("listening", self._listen, 0.3),
                ("expiring", self._expire, 5.0),
                ("halting", self._tell_vault, 0.3),
                ("breaking", self._break, 1.0),
                ("noticing", self._notice, 30.0),
            ):
                loops.create_task(forever(name, once=once, bell=never, clock=self._clock, idle_seconds=seconds))

    async def _listen(self) -> bool:
        if self._listening is not None and await self._listening.once():
            self._arrived.ring()
        return False

    async def _expire(self) -> bool:
        await self._reviews.expire_due()
        return False

    async def _break(self) -> bool:
        if self._breakers is not None:
            await self._breakers.once()
        return False

    async def _notice(self) -> bool:
        if self._noticing is not None:
            await self._noticing.once()
        return False

    async def _tell_vault(self) -> bool:
        # Every time, not only when it changed: a vault that was started again knows nothing, and seals nothing.
        await self._vault.halt(await self._reads.halted())
        return False
