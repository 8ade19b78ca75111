"""Feeds a fleet for a measurement: agents with standing campaigns, and arrivals for them, as many as are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly.outside import Outside
from chimera.bench.entrances import Entrance, IntakeHere
from chimera.bench.load import (
    MODEL_MEDIAN_SECONDS,
    BenchMeter,
    QuickJudge,
    SlowModel,
    agent_of,
    handle_of,
    settled_in,
)
from chimera.bootstrap import Database
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Refused
from chimera.ports.clock import Clock
from chimera.ports.store import Reads, Store, every
from chimera.ports.tools_read import ToolAnswer
from chimera.processes.fleet import Fleet, fleet_process
from chimera.rehearsal import world
from chimera.rehearsal.records import Deed
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings

ARRIVING_AT_ONCE_MAX = SETTLING_AT_ONCE_MAX = 256
# Whenever nobody brings any more for a moment, some of what is under way is over.
FILLED_SHARE = 0.95
# With every agent inside a task at once, a model takes so long.
LONG_MEDIAN_SECONDS = 5.0


class Load(Struct, frozen=True, kw_only=True):
    """How much of it, and for how long."""

    agents: int
    seconds: float
    seed: int = 1
    # Every agent is inside a task at once: when one is over, its agent gets the next.
    in_flight: bool = False
    # How many arrive in a second in the paced phase; 0: so many as the machine carries.
    paced_per_second: float = 0.0
    # What the simulated model takes, in the middle; what the measurement is defined with, where nothing is said.
    model_seconds: float | None = None
    # Whether tasks propose acts: notes that stay in the house, one in ten a post. Else they end with their verdict.
    acts: bool = True

    @property
    def median_seconds(self) -> float:
        """How long the simulated model takes, in the middle."""
        if self.model_seconds is not None:
            return self.model_seconds
        return LONG_MEDIAN_SECONDS if self.in_flight else MODEL_MEDIAN_SECONDS


class MeasuredHouse(Struct, frozen=True, kw_only=True):
    """What runs, in one process or in several: where it is fed, where it is read off, and how it is ended."""

    campaigns: list[Campaign]
    entrance: Entrance
    meter: BenchMeter
    reads: Reads
    # Our processes by name; servers of ours that they started are found beneath them.
    pids: Mapping[str, int]
    # Ends all but the database. What the network saw.
    ended: Callable[[], Awaitable[tuple[Deed, ...]]]


class FedHouse(Struct, frozen=True, kw_only=True):
    """A fleet that does what it is fed, and nothing by itself."""

    fleet: Fleet
    campaigns: list[Campaign]
    entrance: Entrance
    meter: BenchMeter
    built: world.World


class NoTools:
    """The benchmark's tasks read nothing."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """Refuses."""
        raise Refused(
            "tool_not_permitted", "the benchmark reads nothing", where=tool, remedy="add the permission to its manifest"
        )


class Feeder:
    """Brings arrivals to an entrance: so many at once, or at a rate."""

    def __init__(self, entrance: Entrance, campaigns: Sequence[Campaign], *, seed: int) -> None:
        self._entrance = entrance
        self._campaigns = campaigns
        self._dice = random.Random(seed)

    @property
    def accepted(self) -> int:
        """How many were let in."""
        return self._entrance.accepted

    async def keep_inside(self, meter: BenchMeter, *, until: float) -> None:
        """Every agent has one task under way, until then."""
        numbers = {campaign.id: number for number, campaign in enumerate(self._campaigns)}
        free = deque(range(len(self._campaigns)))
        while time.monotonic() < until:
            free.extend([numbers[one] for one in meter.occupancy.take_left()])
            for _ in range(min(len(free), ARRIVING_AT_ONCE_MAX - self._entrance.waiting)):
                self._bring(free.popleft(), meter)
            self._entrance.knock()
            await asyncio.sleep(0.005)
        await self._entrance.emptied()

    async def saturate(self, meter: BenchMeter, *, backlog: int, until: float) -> None:
        """As many as it takes to keep everybody busy."""
        while time.monotonic() < until:
            waiting = self._entrance.waiting
            missing = backlog - (self.accepted + waiting - meter.settled_count)
            for _ in range(min(missing, ARRIVING_AT_ONCE_MAX - waiting)):
                self._bring(self._anybody(), meter)
            self._entrance.knock()
            await asyncio.sleep(0.005)
        await self._entrance.emptied()

    async def fill(self, meter: BenchMeter, *, backlog: int, piece_seconds: float, until: float) -> None:
        """So many are under way, looked at after each piece of time; or the time is over."""
        while True:
            await self.saturate(meter, backlog=backlog, until=min(until, time.monotonic() + piece_seconds))
            if self.accepted - meter.settled_count >= FILLED_SHARE * backlog or time.monotonic() >= until:
                return

    async def pace(self, meter: BenchMeter, *, per_second: float, until: float) -> None:
        """Poisson arrivals at a rate, whether or not anybody keeps up."""
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            while due <= now:
                due += self._dice.expovariate(per_second)
                self._bring(self._anybody(), meter)
            self._entrance.knock()
            await asyncio.sleep(max(0.001, due - time.monotonic()))
        await self._entrance.emptied()

    def _anybody(self) -> int:
        return self._dice.randrange(len(self._campaigns))

    def _bring(self, number: int, meter: BenchMeter) -> None:
        meter.occupancy.entered(self._campaigns[number].id)
        self._entrance.bring(number)


@contextlib.asynccontextmanager
async def fed_house(settings: Settings, load: Load, *, found: Database) -> AsyncGenerator[FedHouse]:
    """A fleet before the simulated model and network, with a worker and a standing campaign for each agent."""
    clock = SystemClock()
    scenario = msgspec.structs.replace(CALM, seed=load.seed, people=0, rules=Rules(posts_per_hour_max=10**9))
    built = world.build(scenario, clock, accounts=tuple(map(handle_of, range(load.agents))))
    model = SlowModel(clock, seed=load.seed, median_seconds=load.median_seconds)
    meter = BenchMeter(model)
    outside = Outside(model=model, judge_model=QuickJudge(), tools=NoTools(),
                      publisher=RehearsalPublisher(built.line, clock), meter=meter)  # fmt: skip
    settings = msgspec.structs.replace(settings, workers=max(settings.workers, load.agents))
    async with fleet_process(settings, outside, found=found) as fleet:
        fleet.listening.is_open = False
        campaigns = await settle_in(fleet.office, clock, agents=load.agents)
        yield FedHouse(fleet=fleet, campaigns=campaigns, meter=meter, built=built,
                       entrance=IntakeHere.of(fleet, campaigns, seed=load.seed, acts=load.acts))  # fmt: skip


async def settle_in(office: Store, clock: Clock, *, agents: int) -> list[Campaign]:
    """The agents that take part, each with a standing campaign: those of a home that was kept, and what is missing."""
    made = [one async for one in every(office, Campaign, states=("running",))][:agents]
    fresh = SystemIds()
    # A few at a time: the changes of a hundred thousand would be more than all that they leave behind.
    for start in range(len(made), agents, SETTLING_AT_ONCE_MAX):
        numbers = range(start, min(start + SETTLING_AT_ONCE_MAX, agents))
        settling = [settled_in(agent_of(number, fresh), fresh, clock) for number in numbers]
        await asyncio.gather(*(office.commit(change) for change, _ in settling))
        made.extend(campaign for _, campaign in settling)
    return made
