"""What an agent costs is weighed on real coroutines, a real roster and a real Valkey."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera import bootstrap
from chimera.bench import growth, state
from chimera.domain.campaign import Campaign
from chimera.domain.task import Task
from chimera.settings import Settings


@pytest.mark.requirement("R-A7")
async def test_a_home_is_filled_once_and_grows_by_what_is_missing(made_home: Path) -> None:
    settings, sizes = Settings(home=str(made_home)), growth.Sizes(agents=3, seconds=1.0)
    first = await growth.fill(settings, sizes, 200)
    assert first == await growth.fill(settings, sizes, 200)
    assert (await growth.fill(settings, sizes, 300)).finished == 300
    async with bootstrap.database(settings) as found:
        reads = await found.reads()
        assert (await reads.count(Task), await reads.count(Campaign)) == ({"done": 300}, {"running": 3})
        await reads.close()


@pytest.mark.requirement("R-A7")
async def test_an_idle_agent_is_weighed(made_home: Path) -> None:
    weighed = await growth.idle(Settings(home=str(made_home)), 2_000)
    assert 50 < weighed["hot_bytes"] < 1_000
    assert weighed["bytes"] == weighed["coroutine_bytes"] + weighed["hot_bytes"] < growth.IDLE_BYTES_MAX


@pytest.mark.requirement("R-A5", "R-A7")
async def test_hot_state_is_weighed_and_built_anew(made_home: Path) -> None:
    seen = await state.run(Settings(home=str(made_home)), agents=500, seconds=0.2)
    assert seen["rebuilt_agents"] == 500
    assert 50 < seen["bytes_per_agent"] < 1_000
