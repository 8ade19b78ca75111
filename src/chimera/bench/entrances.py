"""Where a measurement's arrivals are brought in: at the intake of this process, or at an office in another."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from chimera.bench.load import Lines
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Unavailable
from chimera.domain.labels import PUBLIC
from chimera.pipeline.intake import Arrival, Intake
from chimera.processes.fleet import Fleet
from chimera.swarm.bell import Bell

PERFORMED_ONE_IN = 10
# How long an office gathers what it says of those that were let in.
SAID_SECONDS = 0.005


class Entrance(Protocol):
    """Takes arrivals for campaigns by their numbers. Knows how many were let in, and how many wait for that."""

    accepted: int

    @property
    def waiting(self) -> int: ...

    def bring(self, number: int) -> None:
        """One arrival for this campaign. Nobody is kept waiting here."""
        ...

    def knock(self) -> None:
        """A handful was brought: whoever plans is to look."""
        ...

    async def emptied(self) -> None:
        """Whoever waited was let in."""
        ...


class IntakeHere:
    """Implements `Entrance` before an intake of this process."""

    def __init__(
        self, intake: Intake, arrived: Bell, campaigns: list[Campaign], *, seed: int, acts: bool = True
    ) -> None:
        self._intake = intake
        self._acts = acts
        self._arrived = arrived
        self._campaigns = campaigns
        self._dice, self._lines = random.Random(seed + 1), Lines(seed=seed)
        self._pending: set[asyncio.Task[None]] = set()
        self.accepted = 0

    @classmethod
    def of(cls, fleet: Fleet, campaigns: list[Campaign], *, seed: int, acts: bool = True) -> IntakeHere:
        """That of a fleet in one process, whose intake tells the manager by itself: nobody waits for this bell."""
        return cls(fleet.intake, Bell(fleet.clock), campaigns, seed=seed, acts=acts)

    @property
    def waiting(self) -> int:
        """Brought, and not yet let in."""
        return len(self._pending)

    def bring(self, number: int) -> None:
        """At once, beside the others."""
        arriving = asyncio.create_task(self._one(self._campaigns[number]))
        self._pending.add(arriving)
        arriving.add_done_callback(self._pending.discard)

    def knock(self) -> None:
        """The manager's bell."""
        self._arrived.ring()

    async def emptied(self) -> None:
        """Raises what became of those that were not let in."""
        await asyncio.gather(*self._pending)

    async def _one(self, campaign: Campaign) -> None:
        came = arrival if self._acts else arrival_without_act
        await self._intake.accept(came(campaign, self._dice, self._lines))
        self.accepted += 1


class OfficeAway:
    """Implements `Entrance` before an office in a process of its own: numbers go to it, counts come back."""

    def __init__(self, office: asyncio.subprocess.Process) -> None:
        assert office.stdin is not None and office.stdout is not None, "both are pipes"
        self._to, self._from = office.stdin, office.stdout
        self._numbers: list[int] = []
        self._brought = self.accepted = 0
        self._is_gone = False
        self._moved = asyncio.Event()
        self._hearing = asyncio.create_task(self._hear())

    @property
    def waiting(self) -> int:
        """Brought, and not yet let in. An office that has ended lets nobody in."""
        if self._is_gone:
            raise Unavailable("process_away", "the office ended", where="bench swarm", remedy="see the lines above")
        return self._brought - self.accepted

    def bring(self, number: int) -> None:
        """With the next knock."""
        self._numbers.append(number)
        self._brought += 1

    def knock(self) -> None:
        """All that were brought since the last, in one line. The office rings by itself."""
        if self._numbers:
            self._to.write(b" ".join([b"%d" % number for number in self._numbers]) + b"\n")
            self._numbers.clear()

    async def emptied(self) -> None:
        """Everybody was let in."""
        while self.waiting:
            self._moved.clear()
            await self._moved.wait()

    async def close(self) -> None:
        """Hear no more."""
        self._hearing.cancel()
        await asyncio.gather(self._hearing, return_exceptions=True)

    async def _hear(self) -> None:
        while line := await self._from.readline():
            self.accepted = int(line)
            self._moved.set()
        self._is_gone = True
        self._moved.set()


async def let_in(entrance: IntakeHere, asked: asyncio.StreamReader, say: Callable[[int], None]) -> None:
    """The other end of `OfficeAway`: brings what is asked for, and says how many were let in. Until nobody asks."""
    telling = asyncio.create_task(_tell(entrance, say))
    try:
        while line := await asked.readline():
            for number in line.split():
                entrance.bring(int(number))
        await entrance.emptied()
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)


async def _tell(entrance: IntakeHere, say: Callable[[int], None]) -> None:
    told = 0
    while True:
        await asyncio.sleep(SAID_SECONDS)
        if entrance.accepted != told:
            told = entrance.accepted
            entrance.knock()
            say(told)


def arrival(campaign: Campaign, dice: random.Random, lines: Lines) -> Arrival:
    """Something that came in for a campaign: one in so many is answered in public."""
    return _arrival(campaign, lines, "bench_post" if dice.randrange(PERFORMED_ONE_IN) == 0 else "bench")


def arrival_without_act(campaign: Campaign, _: random.Random, lines: Lines) -> Arrival:
    """Something that is worked on and judged, and to which nobody does anything."""
    return _arrival(campaign, lines, "bench_line")


def _arrival(campaign: Campaign, lines: Lines, kind: str) -> Arrival:
    return Arrival(campaign_id=campaign.id, agent_id=campaign.agent_id, kind=kind, payload={"text": lines.next()},
                   labels=(PUBLIC,))  # fmt: skip
