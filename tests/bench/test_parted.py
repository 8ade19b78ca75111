"""A measured house in parts: what is fed to the office is decided here, and performed by effects elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from chimera.bench import books, parted, processor
from chimera.bench.feeding import Feeder, Load
from chimera.bench.observed import Statements
from chimera.domain.errors import Unavailable
from chimera.domain.task import Task
from chimera.settings import Settings

pytestmark = [pytest.mark.requirement("R-A2", "R-G2"), pytest.mark.timeout(240)]


@pytest.mark.slow
async def test_what_the_office_lets_in_is_decided_and_performed_once(made_home: Path) -> None:
    load, statements = Load(agents=8, seconds=1, model_seconds=0.01), Statements()
    async with parted.house(Settings(home=str(made_home)), load, statements) as house:
        assert set(house.pids) == {"office", "effects", "manager"}
        feeder = Feeder(house.entrance, house.campaigns, seed=3)
        await feeder.pace(house.meter, per_second=40, until=time.monotonic() + 2)
        async with asyncio.timeout(60):
            while house.meter.settled_count < feeder.accepted:
                await asyncio.sleep(0.05)
        pids = [pid for name, pid in house.pids.items() if name != "manager"]
        assert processor.resident_mb_max(house.pids) > 100
        deeds = await house.ended()
        assert feeder.accepted > 20 and statements.count > 0
        assert (await house.reads.count(Task)) == {"done": feeder.accepted}
        counts = await books.compare(house.reads, deeds)
        assert (counts.lost, counts.doubled, counts.overspent) == (0, 0, 0)
        assert 0 < len(deeds) < feeder.accepted, "one in ten is performed"
    assert not [pid for pid in pids if _runs(pid)]


@pytest.mark.slow
async def test_an_office_that_has_ended_is_not_waited_for(made_home: Path) -> None:
    load = Load(agents=2, seconds=1, model_seconds=0.01)
    async with parted.house(Settings(home=str(made_home)), load, Statements()) as house:
        os.kill(house.pids["office"], signal.SIGKILL)
        house.entrance.bring(0)
        with pytest.raises(Unavailable, match="the office ended"):
            await house.entrance.emptied()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
