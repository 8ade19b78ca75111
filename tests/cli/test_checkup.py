"""What `chimera doctor` and the start say of agents that were installed before capabilities counted."""

from __future__ import annotations

import pytest

from chimera.cli.checkup import unable_agents
from chimera.domain.agent import AgentState
from tests.small_house import SmallHouse


@pytest.mark.requirement("R-C1")
async def test_an_agent_that_can_do_nothing_is_named_until_it_is_installed_again_or_retired() -> None:
    house = await SmallHouse().open()
    assert await unable_agents(house.office) == []
    await house.change_agent(capabilities=())
    assert await unable_agents(house.office) == [house.agent.name]
    await house.change_agent(state=AgentState.RETIRED)
    assert await unable_agents(house.office) == []
