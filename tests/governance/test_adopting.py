"""Plans of several campaigns in one commit: together where nothing stands against any, each by itself where it does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.campaign import Campaign, CampaignState, Input, InputState
from chimera.domain.errors import ChimeraError
from chimera.domain.halt import Halt
from chimera.domain.task import Task
from chimera.governance.adopting import Adoption
from chimera.pipeline.planner import Planner
from tests.pipeline.test_planner import GOOD, an_input, planner
from tests.small_house import SmallHouse, a_goal

pytestmark = pytest.mark.requirement("R-A2", "R-A5")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def made(house: SmallHouse) -> Planner:
    return planner(house, GOOD)[0]


async def drafts(house: SmallHouse, made: Planner, many: int) -> list[Adoption]:
    """Answers to what came in for as many campaigns, each with an agent of its own. Nothing of them is on record."""
    found: list[Adoption] = []
    for number in range(many):
        agent = house.an_agent(f"agent-{number}")
        campaign = Campaign(id=house.ids.new(), agent_id=agent.id, goal=a_goal(agent), plans=1,
                            state=CampaignState.RUNNING)  # fmt: skip
        await house.put(agent, campaign)
        one = await an_input(house, campaign_id=campaign.id)
        found.append(made.answer(campaign, agent, [one]))
    return found


def codes(refused: Sequence[ChimeraError | None]) -> list[str]:
    return [error.code if error else "" for error in refused]


async def tasks_of(house: SmallHouse, adoptions: Sequence[Adoption]) -> list[int]:
    return [len(await house.manager.list(Task, scope=one.after.id)) for one in adoptions]


async def test_they_ride_together_and_are_remembered(house: SmallHouse, made: Planner) -> None:
    adoptions = await drafts(house, made, 3)
    before = len(await house.manager.links("manager-0"))
    assert codes(await made.adopting.write_each(adoptions)) == ["", "", ""]
    assert await tasks_of(house, adoptions) == [1, 1, 1]
    assert len(await house.manager.links("manager-0")) == before + 3, "each with its own event"
    kept = await made.adopted.of([one.after.id for one in adoptions])
    assert list(kept) == [one.after for one in adoptions]
    assert {one.state for one in await house.manager.list(Input)} == {InputState.PLANNED}


async def test_one_that_moved_on_holds_up_nobody_else(house: SmallHouse, made: Planner) -> None:
    adoptions = await drafts(house, made, 3)
    moved = await house.manager.get(Campaign, adoptions[1].after.id)
    await house.put(replace(moved, version=moved.version + 1))
    assert codes(await made.adopting.write_each(adoptions)) == ["", "record_stale", ""]
    assert await tasks_of(house, adoptions) == [1, 0, 1]
    kept = await made.adopted.of([one.after.id for one in adoptions])
    assert adoptions[1].after not in kept, "nobody goes on from what is not on record"


async def test_one_that_is_halted_holds_up_nobody_else(house: SmallHouse, made: Planner) -> None:
    adoptions = await drafts(house, made, 3)
    scope = scopes.campaign(adoptions[2].after.id)
    await house.put(Halt(id=house.ids.new(), halted=scope, reason="enough", by="ada",
                         since_us=house.clock.now_us()))  # fmt: skip
    assert codes(await made.adopting.write_each(adoptions)) == ["", "", "halted"]
    assert await tasks_of(house, adoptions) == [1, 1, 0]


async def test_none_is_no_commit(house: SmallHouse, made: Planner) -> None:
    before = len(await house.manager.links("manager-0"))
    assert await made.adopting.write_each([]) == []
    assert len(await house.manager.links("manager-0")) == before
