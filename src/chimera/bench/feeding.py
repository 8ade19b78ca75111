"""Feeds a fleet for a measurement: agents with standing campaigns, and arrivals for them, as many as are wanted."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.bench.load import (
    MODEL_MEDIAN_SECONDS,
    BenchMeter,
    Lines,
    QuickJudge,
    SlowModel,
    agent_of,
    handle_of,
    settled_in,
)
from chimera.bootstrap import Database, Fleet, Outside
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Refused
from chimera.domain.labels import PUBLIC
from chimera.pipeline.intake import Arrival
from chimera.ports.clock import Clock
from chimera.ports.store import Store, every
from chimera.ports.tools_read import ToolAnswer
from chimera.rehearsal import world
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings

PERFORMED_ONE_IN = 10
ARRIVING_AT_ONCE_MAX = SETTLING_AT_ONCE_MAX = 256
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

    @property
    def median_seconds(self) -> float:
        """How long the simulated model takes, in the middle."""
        if self.model_seconds is not None:
            return self.model_seconds
        return LONG_MEDIAN_SECONDS if self.in_flight else MODEL_MEDIAN_SECONDS


class FedHouse(Struct, frozen=True, kw_only=True):
    """A fleet that does what it is fed, and nothing by itself."""

    fleet: Fleet
    campaigns: list[Campaign]
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
    """Brings arrivals to intake. Knows how many were accepted."""

    def __init__(self, fleet: Fleet, campaigns: Sequence[Campaign], *, seed: int) -> None:
        self._fleet = fleet
        self._campaigns = campaigns
        self._dice = random.Random(seed)
        self._lines = Lines(seed=seed)
        self._pending: set[asyncio.Task[None]] = set()
        self.accepted = 0

    async def keep_inside(self, meter: BenchMeter, *, until: float) -> None:
        """Every agent has one task under way, until then."""
        free, by_id = deque(self._campaigns), {campaign.id: campaign for campaign in self._campaigns}
        while time.monotonic() < until:
            free.extend([by_id[one] for one in meter.occupancy.take_left()])
            for _ in range(min(len(free), ARRIVING_AT_ONCE_MAX - len(self._pending))):
                self._bring(free.popleft(), meter)
            self._fleet.manager.arrived.ring()
            await asyncio.sleep(0.005)
        await asyncio.gather(*self._pending)

    async def saturate(self, meter: BenchMeter, *, backlog: int, until: float) -> None:
        """As many as it takes to keep everybody busy."""
        while time.monotonic() < until:
            missing = backlog - (self.accepted + len(self._pending) - meter.settled_count)
            for _ in range(min(missing, ARRIVING_AT_ONCE_MAX - len(self._pending))):
                self._bring(self._dice.choice(self._campaigns), meter)
            self._fleet.manager.arrived.ring()
            await asyncio.sleep(0.005)
        await asyncio.gather(*self._pending)

    async def pace(self, meter: BenchMeter, *, per_second: float, until: float) -> None:
        """Poisson arrivals at a rate, whether or not anybody keeps up."""
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            while due <= now:
                due += self._dice.expovariate(per_second)
                self._bring(self._dice.choice(self._campaigns), meter)
            self._fleet.manager.arrived.ring()
            await asyncio.sleep(max(0.001, due - time.monotonic()))
        await asyncio.gather(*self._pending)

    def _bring(self, campaign: Campaign, meter: BenchMeter) -> None:
        meter.occupancy.entered(campaign.id)
        arriving = asyncio.create_task(self._one(campaign))
        self._pending.add(arriving)
        arriving.add_done_callback(self._pending.discard)

    async def _one(self, campaign: Campaign) -> None:
        await self._fleet.intake.accept(arrival(campaign, self._dice, self._lines))
        self.accepted += 1


def arrival(campaign: Campaign, dice: random.Random, lines: Lines) -> Arrival:
    """Something that came in for a campaign: one in so many is answered in public."""
    kind = "bench_post" if dice.randrange(PERFORMED_ONE_IN) == 0 else "bench"
    return Arrival(campaign_id=campaign.id, agent_id=campaign.agent_id, kind=kind, payload={"text": lines.next()},
                   labels=(PUBLIC,))  # fmt: skip


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
    async with bootstrap.fleet(settings, outside, found=found) as fleet:
        fleet.listening.is_open = False
        yield FedHouse(
            fleet=fleet, campaigns=await settle_in(fleet.office, clock, agents=load.agents), meter=meter, built=built
        )


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
