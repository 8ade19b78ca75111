"""What `chimera doctor` and the start say of agents that were installed before capabilities counted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.cli.checkup import idleness, unable_agents
from chimera.domain.agent import AgentState
from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.task import TaskState
from tests.small_house import SmallHouse


@pytest.mark.requirement("R-C1")
async def test_an_agent_that_can_do_nothing_is_named_until_it_is_installed_again_or_retired() -> None:
    house = await SmallHouse().open()
    assert await unable_agents(house.office) == []
    await house.change_agent(capabilities=())
    assert await unable_agents(house.office) == [house.agent.name]
    await house.change_agent(state=AgentState.RETIRED)
    assert await unable_agents(house.office) == []


@pytest.mark.requirement("R-L2")
async def test_a_house_in_which_nothing_goes_on_says_why_and_one_that_works_says_nothing() -> None:
    house = await SmallHouse().open()

    async def campaign_is(state: CampaignState) -> str:
        known = await house.office.get(Campaign, house.campaign.id)
        await house.put(replace(known, state=state, version=known.version + 1))
        return await idleness(house.office)

    assert await idleness(house.office) == ""
    assert "wait to be resumed" in await campaign_is(CampaignState.PAUSED)
    assert "has done what it was asked for" in await campaign_is(CampaignState.FINISHED)
    await house.a_task(state=TaskState.HELD)
    assert await idleness(house.office) == ""
