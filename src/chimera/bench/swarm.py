"""`chimera bench swarm`: the whole governed path under load, saturated and paced; books compared at the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.bench import books
from chimera.bench.load import BenchMeter, Lines, QuickJudge, SlowModel, agent_of, handle_of, settled_in
from chimera.bench.spread import conditions, spread_ms
from chimera.bootstrap import Database, Fleet, Outside
from chimera.domain.campaign import Campaign
from chimera.domain.errors import Refused
from chimera.domain.labels import PUBLIC
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.pipeline.intake import Arrival
from chimera.ports.store import Reads
from chimera.ports.tools_read import ToolAnswer
from chimera.rehearsal import world
from chimera.rehearsal.scenario import CALM, Rules
from chimera.settings import Settings

PERFORMED_ONE_IN = 10
WARM_UP_SECONDS = 3.0
PACED_PER_SECOND_MAX = 1_000
PACED_SHARE = 0.6
DRAIN_SECONDS_MAX = 120.0
ARRIVING_AT_ONCE_MAX = 256


class Load(Struct, frozen=True, kw_only=True):
    """How much of it, and for how long."""

    agents: int
    seconds: float
    seed: int = 1


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
        raise Refused("tool_not_permitted", "the benchmark reads nothing", where=tool)


class Feeder:
    """Brings arrivals to intake. Knows how many were accepted."""

    def __init__(self, fleet: Fleet, campaigns: Sequence[Campaign], *, seed: int) -> None:
        self._fleet = fleet
        self._campaigns = campaigns
        self._dice = random.Random(seed)
        self._lines = Lines(seed=seed)
        self._pending: set[asyncio.Task[None]] = set()
        self.accepted = 0

    async def saturate(self, meter: BenchMeter, *, backlog: int, until: float) -> None:
        """As many as it takes to keep everybody busy."""
        while time.monotonic() < until:
            missing = backlog - (self.accepted + len(self._pending) - meter.settled_count)
            for _ in range(min(missing, ARRIVING_AT_ONCE_MAX - len(self._pending))):
                self._bring_one()
            self._fleet.manager.arrived.ring()
            await asyncio.sleep(0.005)
        await asyncio.gather(*self._pending)

    async def pace(self, *, per_second: float, until: float) -> None:
        """Poisson arrivals at a rate, whether or not anybody keeps up."""
        due = time.monotonic()
        while (now := time.monotonic()) < until:
            while due <= now:
                due += self._dice.expovariate(per_second)
                self._bring_one()
            self._fleet.manager.arrived.ring()
            await asyncio.sleep(max(0.001, due - time.monotonic()))
        await asyncio.gather(*self._pending)

    def _bring_one(self) -> None:
        arriving = asyncio.create_task(self._one())
        self._pending.add(arriving)
        arriving.add_done_callback(self._pending.discard)

    async def _one(self) -> None:
        campaign = self._dice.choice(self._campaigns)
        kind = "bench_post" if self._dice.randrange(PERFORMED_ONE_IN) == 0 else "bench"
        await self._fleet.intake.accept(Arrival(
            campaign_id=campaign.id, agent_id=campaign.agent_id, kind=kind, payload={"text": self._lines.next()},
            labels=(PUBLIC,)))  # fmt: skip
        self.accepted += 1


async def run(settings: Settings, load: Load) -> dict[str, Any]:
    """The benchmark, and everything that it has to say."""
    async with bootstrap.database(settings) as found:
        async with fed_house(settings, load, found=found) as house:
            feeder = Feeder(house.fleet, house.campaigns, seed=load.seed)
            figures = await _measure(feeder, house.meter, load)
        reads = await found.reads()
        try:
            return {**_conditions(load), **figures, **await _books(reads, feeder, house.built)}
        finally:
            await reads.close()


@contextlib.asynccontextmanager
async def fed_house(settings: Settings, load: Load, *, found: Database) -> AsyncGenerator[FedHouse]:
    """A fleet before the simulated model and network, with a worker and a standing campaign for each agent."""
    clock = SystemClock()
    scenario = msgspec.structs.replace(CALM, seed=load.seed, people=0, rules=Rules(posts_per_hour_max=10**9))
    built = world.build(scenario, clock, accounts=tuple(map(handle_of, range(load.agents))))
    model = SlowModel(clock, seed=load.seed)
    meter = BenchMeter(model)
    outside = Outside(model=model, judge_model=QuickJudge(), tools=NoTools(),
                      publisher=RehearsalPublisher(built.line, clock), meter=meter)  # fmt: skip
    settings = msgspec.structs.replace(settings, workers=max(settings.workers, load.agents))
    async with bootstrap.fleet(settings, outside, found=found) as fleet:
        fleet.listening.is_open = False
        yield FedHouse(fleet=fleet, campaigns=await _settle_in(fleet, load), meter=meter, built=built)


async def _settle_in(fleet: Fleet, load: Load) -> list[Campaign]:
    """The agents that take part, each with a standing campaign."""
    fresh, made = SystemIds(), list[Campaign]()
    changes = [settled_in(agent_of(number, fresh), fresh, fleet.clock) for number in range(load.agents)]
    for start in range(0, len(changes), 256):
        await asyncio.gather(*(fleet.office.commit(change) for change, _ in changes[start : start + 256]))
    made.extend(campaign for _, campaign in changes)
    return made


async def _measure(feeder: Feeder, meter: BenchMeter, load: Load) -> dict[str, Any]:
    backlog = 2 * load.agents
    await feeder.saturate(meter, backlog=backlog, until=time.monotonic() + WARM_UP_SECONDS)
    meter.forget()
    before, since, worked = meter.decided_count, time.monotonic(), time.process_time()
    await feeder.saturate(meter, backlog=backlog, until=since + load.seconds)
    decided = meter.decided_count - before
    per_second = decided / (time.monotonic() - since)
    cpu_us = round((time.process_time() - worked) * 1_000_000 / max(1, decided))
    stages_us = {stage: round(sum(took) / len(took)) for stage, took in sorted(meter.stages.items())}
    await _drained(feeder, meter)
    meter.forget()
    paced = min(PACED_PER_SECOND_MAX, PACED_SHARE * per_second)
    await feeder.pace(per_second=paced, until=time.monotonic() + load.seconds / 2)
    figures = {"decision_ms": spread_ms(meter.decision_us), "governance_ms": spread_ms(meter.governance_us)}
    await _drained(feeder, meter)
    return {"governed_per_second": round(per_second), "paced_per_second": round(paced), **figures,
            "stages_us": stages_us, "cpu_us_per_decision": cpu_us}  # fmt: skip


async def _drained(feeder: Feeder, meter: BenchMeter) -> None:
    """Everything that was accepted comes to its end."""
    gives_up = time.monotonic() + DRAIN_SECONDS_MAX
    while meter.settled_count < feeder.accepted and time.monotonic() < gives_up:  # noqa: ASYNC110 – a meter has no bell.
        await asyncio.sleep(0.05)


async def _books(reads: Reads, feeder: Feeder, built: world.World) -> dict[str, Any]:
    """Ours against the network's, caps against spending, every chain link by link."""
    tasks = await reads.count(Task)
    history = await audit.verify_history(reads)
    counts = await books.compare(reads, built.network.records())
    over = await books.overspent_windows(reads)
    return {
        "accepted": feeder.accepted,
        "completed": tasks.get("done", 0),
        "lost": counts.lost + feeder.accepted - sum(tasks.values()),
        "doubled": counts.doubled,
        "overspent": counts.overspent + over,
        "chain": "verified" if history.verified else str(history.flaws[0]),
        "events": history.events,
    }


def _conditions(load: Load) -> dict[str, Any]:
    return {"agents": load.agents, "seconds": load.seconds, **conditions()}
