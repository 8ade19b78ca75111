"""A fleet-wide halt in a fleet that is busy to its limit, on real PostgreSQL: after a second nothing begins."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from chimera import bootstrap
from chimera.bench.feeding import Feeder, Load, fed_house
from chimera.bench.load import BenchMeter
from chimera.cli.story import every_event
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import ChimeraError
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal, person_id
from chimera.domain.task import Task
from chimera.ports.store import Reads
from chimera.processes.fleet import Fleet
from chimera.settings import Settings

# What the machine gives is said, not demanded: it is shared. The database's part at a rate: test_halt_rate.py.
BEGUN_MIN = 20
BEGINS = (EventKind.INPUT_ADMITTED, EventKind.PLAN_ADOPTED, EventKind.ACTION_GRANTED, EventKind.GRANTS_SEALED,
          EventKind.EFFECT_STARTED, EventKind.EFFECT_RESENT)  # fmt: skip
OTTO = Principal(person=person_id("otto"), name="otto", roles=frozenset({"operator"}))


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.requirement("R-A6", "R-E5")
async def test_after_a_second_nothing_begins(made_home: Path, record_property) -> None:
    load = Load(agents=600, seconds=0)
    settings = Settings(home=str(made_home))
    async with bootstrap.database(settings) as found, fed_house(settings, load, found=found) as house:
        fleet = house.fleet
        feeder = Feeder(house.entrance, house.campaigns, seed=1)
        feeding = asyncio.create_task(_feed(feeder, house.meter, load))
        per_second = await _busy(house.meter)
        halt = await fleet.halts.halt("fleet", by=OTTO, reason="enough")
        await asyncio.sleep(3.0)
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        begun = await _begun(fleet.reads)
        standing = await _standing(fleet)
        await fleet.halts.resume("fleet", by=OTTO)
        await _goes_on(fleet, standing)
    late = [event for event in begun if event.at_us > halt.since_us + SECOND_US]
    last_us = max(event.at_us for event in begun)
    record_property("decisions_per_second", per_second)
    sys.stderr.write(f"{per_second} decisions in the second before the halt, "
                     f"the last began {(last_us - halt.since_us) / 1000:.0f} ms after it\n")  # fmt: skip
    assert late == []


async def _feed(feeder: Feeder, meter: BenchMeter, load: Load) -> None:
    """Strangers do not stop because we have: what comes after the halt is refused."""
    while True:
        try:
            await feeder.saturate(meter, backlog=2 * load.agents, until=time.monotonic() + 60)
        except ChimeraError:
            await asyncio.sleep(0.01)


async def _busy(meter: BenchMeter) -> int:
    """Decisions in the last second, once the fleet is at it. However long this machine takes to get there."""
    for _ in range(120):
        before = meter.decided_count
        await asyncio.sleep(1.0)
        if (decided := meter.decided_count - before) >= BEGUN_MIN:
            return decided
    raise AssertionError("the fleet never got busy: a halt would show nothing")


async def _begun(reads: Reads) -> list[Event]:
    return [event async for _, event in every_event(reads) if event.kind in BEGINS]


async def _standing(fleet: Fleet) -> int:
    tasks = await fleet.reads.count(Task)
    return sum(many for state, many in tasks.items() if state not in ("done", "refused", "failed", "dropped"))


async def _goes_on(fleet: Fleet, standing: int) -> None:
    """Nothing was lost: what stood goes on."""
    assert standing > 0
    for _ in range(200):
        if await _standing(fleet) < standing // 2:
            return
        await asyncio.sleep(0.5)
    raise AssertionError("what stood while halted does not go on")
