"""A house in parts: office, effects and vault in processes of their own, a manager with its workers in this one.

As `chimera office`, `chimera effects` and `chimera manager --own-workers` have it. Whoever measures sits with the
manager, where decisions are made.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncGenerator

import msgspec

from chimera import bootstrap
from chimera.adapters.local.home import Home
from chimera.adapters.system.clock import SystemClock
from chimera.bench import parts
from chimera.bench.apart import READY_SECONDS_MAX, Children, Plan
from chimera.bench.entrances import OfficeAway
from chimera.bench.feeding import Load, MeasuredHouse
from chimera.bench.load import BenchMeter, SlowModel
from chimera.bench.observed import Statements, observed
from chimera.bench.slots import until_held
from chimera.domain.campaign import Campaign
from chimera.ports.store import every
from chimera.processes.channels import servers
from chimera.processes.managers import manager_process
from chimera.rehearsal.records import Deed
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def house(settings: Settings, load: Load, statements: Statements) -> AsyncGenerator[MeasuredHouse]:
    """All of it, running while the block does, or until it is told to end."""
    settings = msgspec.structs.replace(settings, workers=max(settings.workers, load.agents), manager_slots=1)
    model = SlowModel(SystemClock(), seed=load.seed, median_seconds=load.median_seconds)
    meter = BenchMeter(model)
    nothing = parts.outside_of(parts.world_of(1, load.seed), load.seed)
    outside = msgspec.structs.replace(nothing, model=model, meter=meter)
    with Home.open(settings.folder) as home:
        async with (
            servers(settings, workers=()),
            bootstrap.database(settings) as found,
            contextlib.AsyncExitStack() as running,
        ):
            children = Children(settings, Plan(agents=load.agents, slots=1, seed=load.seed))
            running.push_async_callback(children.end)
            entrance = OfficeAway(await children.start_part(parts.OFFICE))
            running.push_async_callback(entrance.close)
            await children.start_part(parts.EFFECTS)
            reads = await found.reads()
            managing = manager_process(settings, found=observed(found, statements), outside=outside)
            manager = await running.enter_async_context(managing)
            await until_held([manager], 1, seconds_max=READY_SECONDS_MAX)

            async def ended() -> tuple[Deed, ...]:
                await running.aclose()
                return parts.deeds_of(home.folder)

            try:
                campaigns = [one async for one in every(reads, Campaign, states=("running",))]
                yield MeasuredHouse(campaigns=parts.in_order(campaigns)[: load.agents], entrance=entrance, meter=meter,
                                    reads=reads, pids={**children.pids, "manager": os.getpid()},
                                    ended=ended)  # fmt: skip
            finally:
                await running.aclose()
                await reads.close()
