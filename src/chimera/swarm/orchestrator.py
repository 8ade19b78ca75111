"""The top tier: listens and measures, closes what nobody ruled on, trips breakers, tells the vault. Does no task."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import Struct

from chimera.domain import scopes
from chimera.domain.errors import ChimeraError
from chimera.governance.breakers import Breakers
from chimera.governance.checkpoints import Checkpoints
from chimera.governance.noticing import Noticing
from chimera.governance.outliving import Outliving
from chimera.governance.reviews import Reviews
from chimera.governance.spending_breakers import SpendingBreakers
from chimera.learning.recollection import Remembrance
from chimera.ports.clock import Clock
from chimera.ports.store import Reads
from chimera.swarm.bell import Bell
from chimera.swarm.following import Following
from chimera.swarm.governing import TellingVault
from chimera.swarm.listening import Listening
from chimera.swarm.loops import forever
from chimera.swarm.measuring import Measuring
from chimera.swarm.retaining import RETAINED_SECONDS, Retaining


class HaltsKeeper(Protocol):
    """Whoever has to know what is halted beside the database: the vault."""

    async def halt(self, halted: frozenset[str]) -> None: ...


# How often a duty is looked at that nobody has given.
NOTHING_SECONDS = 60.0
# How often halts are looked through for those that have nothing left to stop.
OUTLIVED_SECONDS = 30.0


class Duties(Struct, frozen=True, kw_only=True):
    """What is due beside halts: the policy in force, where every chain stands, breakers, notices, memories, weeks."""

    governor: TellingVault | None = None
    checkpoints: Checkpoints | None = None
    checkpoint_seconds: float = 60.0
    breakers: Breakers | None = None
    noticing: Noticing | None = None
    spending: SpendingBreakers | None = None
    remembrance: Remembrance | None = None
    following: Following | None = None
    measuring: Measuring | None = None
    retaining: Retaining | None = None
    outliving: Outliving | None = None


class Orchestrator:
    """A few slow loops, whatever the number of agents."""

    def __init__(
        self, *, reviews: Reviews, reads: Reads, listening: Listening | None, vault: HaltsKeeper, arrived: Bell,
        clock: Clock, duties: Duties | None = None,
    ) -> None:  # fmt: skip
        self._reviews = reviews
        self._reads = reads
        self._listening = listening
        self._vault = vault
        self._arrived = arrived
        self._clock = clock
        self._duties = duties or Duties()

    async def run(self) -> None:
        """Until cancelled."""
        never, measuring = Bell(self._clock), self._duties.measuring
        async with asyncio.TaskGroup() as loops:
            for name, once, seconds in (
                ("listening", self._listen, 0.3),
                ("following", self._follow, 5.0),
                ("measuring", self._measure, measuring.idle_seconds if measuring else NOTHING_SECONDS),
                ("expiring", self._expire, 5.0),
                ("halting", self._tell_vault, 0.3),
                ("checkpointing", self._checkpoint, self._duties.checkpoint_seconds),
                ("breaking", self._break, 1.0),
                ("noticing", self._notice, 30.0),
                ("remembering", self._remember, 1.0),
                ("retaining", self._retain, RETAINED_SECONDS),
                ("outliving", self._outlive, OUTLIVED_SECONDS),
            ):
                loops.create_task(forever(name, once=once, bell=never, clock=self._clock, idle_seconds=seconds))

    async def _listen(self) -> bool:
        if self._listening is not None and await self._listening.once():
            self._arrived.ring()
        return False

    async def _follow(self) -> bool:
        if self._duties.following is not None and await self._duties.following.once():
            self._arrived.ring()
        return False

    async def _measure(self) -> bool:
        return self._duties.measuring is not None and await self._duties.measuring.once()

    async def _checkpoint(self) -> bool:
        if self._duties.checkpoints is not None:
            await self._duties.checkpoints.take()
        return False

    async def _expire(self) -> bool:
        await self._reviews.expire_due()
        return False

    async def _break(self) -> bool:
        if self._duties.breakers is not None:
            await self._duties.breakers.once()
        if self._duties.spending is not None:
            await self._duties.spending.once()
        return False

    async def _notice(self) -> bool:
        if self._duties.noticing is not None:
            await self._duties.noticing.once()
        return False

    async def _remember(self) -> bool:
        if self._duties.remembrance is not None:
            await self._duties.remembrance.once()
        return False

    async def _retain(self) -> bool:
        if self._duties.retaining is not None:
            await self._duties.retaining.once()
        return False

    async def _outlive(self) -> bool:
        if self._duties.outliving is not None:
            await self._duties.outliving.once()
        return False

    async def _tell_vault(self) -> bool:
        # The policy first: a vault that was started again seals nothing until it is told what is halted.
        if self._duties.governor is not None:
            await self._governed(self._duties.governor)
        # Every time, not only when it changed: a vault that was started again knows nothing, and seals nothing.
        await self._vault.halt(await self._reads.halted())
        return False

    async def _governed(self, governor: TellingVault) -> None:
        """A vault that cannot be told which policy stands seals nothing: it takes everything for halted."""
        try:
            await governor.once()
        except ChimeraError:
            await self._vault.halt(frozenset({scopes.FLEET}))
            raise
