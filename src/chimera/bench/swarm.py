"""`chimera bench swarm`: the whole governed path under load, saturated and paced; books compared at the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator
from typing import Any

from chimera import bootstrap
from chimera.bench import books, parted, processor
from chimera.bench.feeding import Feeder, Load, MeasuredHouse, fed_house
from chimera.bench.observed import Statements, errors, observed
from chimera.bench.phases import Phases
from chimera.bench.spread import conditions
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.rehearsal.records import Deed
from chimera.settings import Settings


async def run(settings: Settings, load: Load, *, in_parts: bool) -> dict[str, Any]:
    """The benchmark, and everything that it has to say."""
    statements, layout = Statements(), parted.house if in_parts else _together
    async with layout(settings, load, statements) as house:
        feeder = Feeder(house.entrance, house.campaigns, seed=load.seed)
        phases = Phases(feeder=feeder, meter=house.meter, statements=statements, load=load, pids=house.pids)
        figures = await (phases.inside() if load.in_flight else phases.saturated_and_paced())
        here = {"agents": load.agents, "seconds": load.seconds, "processes": sorted(house.pids), **conditions(),
                "rss_mb": processor.resident_mb_max(house.pids)}  # fmt: skip
        return {**here, **figures, **await _books(house, feeder.accepted, await house.ended())}


@contextlib.asynccontextmanager
async def _together(settings: Settings, load: Load, statements: Statements) -> AsyncGenerator[MeasuredHouse]:
    """Everything in this process, as `chimera up` has it."""
    async with bootstrap.database(settings) as found, contextlib.AsyncExitStack() as running:
        house = await running.enter_async_context(fed_house(settings, load, found=observed(found, statements)))
        reads = await found.reads()

        async def ended() -> tuple[Deed, ...]:
            await running.aclose()
            return house.built.network.records()

        try:
            yield MeasuredHouse(campaigns=house.campaigns, entrance=house.entrance, meter=house.meter, reads=reads,
                                pids={"fleet": os.getpid()}, ended=ended)  # fmt: skip
        finally:
            await running.aclose()
            await reads.close()


async def _books(house: MeasuredHouse, accepted: int, deeds: tuple[Deed, ...]) -> dict[str, Any]:
    """Ours against the network's, caps against spending, every chain link by link, and whose errors there were."""
    tasks = await house.reads.count(Task)
    history = await audit.verify_history(house.reads)
    counts = await books.compare(house.reads, deeds)
    over = await books.overspent_windows(house.reads)
    return {
        "accepted": accepted,
        "completed": tasks.get("done", 0),
        "completion": round(tasks.get("done", 0) / max(1, accepted), 4),
        "errors": await errors(house.reads),
        "lost": counts.lost + accepted - sum(tasks.values()),
        "doubled": counts.doubled,
        "overspent": counts.overspent + over,
        "chain": "verified" if history.verified else str(history.flaws[0]),
        "events": history.events,
    }
