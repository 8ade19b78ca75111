"""Tasks that propose no act: scanned, planned, worked on, judged, paid and on record; nothing is granted or sealed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from chimera import bootstrap
from chimera.bench.feeding import Feeder, Load, fed_house
from chimera.bench.load import MODEL_COST_MICROS
from chimera.domain.attempt import Attempt
from chimera.domain.budget import window_id
from chimera.domain.grant import Grant
from chimera.domain.scopes import campaign
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.ports.store import every
from chimera.settings import Settings

pytestmark = [pytest.mark.requirement("R-A5"), pytest.mark.timeout(240)]


@pytest.mark.slow
async def test_each_is_judged_paid_and_on_record_and_nothing_is_granted(made_home: Path) -> None:
    settings, load = Settings(home=str(made_home)), Load(agents=4, seconds=1, model_seconds=0.0, acts=False)
    async with bootstrap.database(settings) as found, fed_house(settings, load, found=found) as house:
        feeder = Feeder(house.entrance, house.campaigns, seed=3)
        await feeder.pace(house.meter, per_second=60, until=time.monotonic() + 1)
        async with asyncio.timeout(60):
            while house.meter.settled_count < feeder.accepted:
                await asyncio.sleep(0.05)
        reads = house.fleet.office
        assert feeder.accepted > 20
        assert await reads.count(Task) == {"done": feeder.accepted}
        attempts = [one async for one in every(reads, Attempt)]
        assert len(attempts) == feeder.accepted == house.meter.decided_count
        assert all(one.verdict.accepted and one.draft.action is None for one in attempts)
        assert await reads.count(Grant) == {}
        of_campaigns = await reads.windows([window_id(campaign(one.id), "total", "total") for one in house.campaigns])
        assert sum(window.spent_micros for window in of_campaigns) == feeder.accepted * MODEL_COST_MICROS
        assert (await audit.verify_history(reads)).verified
