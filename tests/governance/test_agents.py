"""An agent is found by its name as by its id, and whoever is not there is named as missing."""

from __future__ import annotations

import pytest

from chimera.domain.agent import agent_id_of
from chimera.domain.errors import Missing
from chimera.governance.agents import agent_called, find_agent
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-C1")


async def test_by_name_and_by_id_it_is_the_same_and_nobody_is_missing() -> None:
    house = await SmallHouse().open()
    assert house.agent.id == agent_id_of(house.agent.name)
    for name in (house.agent.name, house.agent.id):
        assert await agent_called(house.office, name) == house.agent
    for nobody in ("nobody", "", house.ids.new()):
        assert await find_agent(house.office, nobody) is None
        with pytest.raises(Missing, match="agent_unknown"):
            await agent_called(house.office, nobody)
