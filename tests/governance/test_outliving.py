"""The halt of a cancelled campaign ends with its last task, and no other does."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.event import EventKind
from chimera.domain.halt import IN_FORCE, Halt, HaltState
from chimera.domain.task import UNDER_WAY, TaskState
from chimera.governance.outliving import Outliving
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A5", "R-A7")


class World:
    """A house with a halted campaign, and a round of the top tier over halts."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.outliving = Outliving(store=house.office)

    async def cancel(self) -> None:
        campaign = await self.house.office.get(Campaign, self.house.campaign.id)
        after = replace(campaign, version=campaign.version + 1, state=CampaignState.CANCELLED)
        await self.house.put(after)
        await self.house.halt(f"campaign:{campaign.id}")

    async def in_force(self) -> list[str]:
        return [one.halted for one in await self.house.office.list(Halt, states=IN_FORCE)]


@pytest.fixture
async def world() -> World:
    return World(await SmallHouse().open())


async def test_a_halt_of_a_campaign_that_has_ended_is_in_force_no_more(world: World) -> None:
    await world.cancel()
    assert await world.house.office.halted()
    assert await world.outliving.once() == 1
    assert await world.house.office.halted() == frozenset()
    (halt,) = await world.house.office.list(Halt)
    assert (halt.state, halt.lifted_by) == (HaltState.OUTLIVED, "")
    events = [link.body.decode() for link in await world.house.office.links(world.house.office.writer)]
    assert EventKind.HALT_OUTLIVED in events[-1]
    assert await world.outliving.once() == 0


@pytest.mark.parametrize("state", UNDER_WAY)
async def test_it_stands_as_long_as_anything_is_under_way(world: World, state: str) -> None:
    await world.house.a_task(state=TaskState(state), pending=1 if state == "waiting" else 0)
    await world.cancel()
    assert await world.outliving.once() == 0
    assert len(await world.in_force()) == 1


async def test_what_a_person_ordered_does_not_hold_it_up(world: World) -> None:
    await world.house.a_task(state=TaskState.HELD, order=world.house.ids.new())
    await world.cancel()
    assert await world.outliving.once() == 1


async def test_a_campaign_that_goes_on_later_stays_halted(world: World) -> None:
    await world.house.halt(f"campaign:{world.house.campaign.id}")
    assert await world.outliving.once() == 0
    assert len(await world.in_force()) == 1


async def test_no_other_halt_is_touched(world: World) -> None:
    await world.cancel()
    for scope in ("fleet", f"agent:{world.house.agent.id}", "platform:sandbox", f"campaign:{world.house.ids.new()}"):
        await world.house.halt(scope)
    assert await world.outliving.once() == 1
    assert len(await world.in_force()) == 4


async def test_a_thousand_ended_campaigns_are_a_few_commits(world: World) -> None:
    base = await world.house.office.get(Campaign, world.house.campaign.id)
    for _ in range(1_001):
        over = replace(base, id=world.house.ids.new(), version=1, state=CampaignState.OPENED)
        await world.house.put(over)
        await world.house.put(replace(over, version=2, state=CampaignState.CANCELLED))
        await world.house.halt(f"campaign:{over.id}")
    assert await world.outliving.once() == 1_001
    assert await world.house.office.halted() == frozenset()
