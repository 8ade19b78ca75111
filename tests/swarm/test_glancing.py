"""A glance reads what came in since, and no glance keeps anybody from being found."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain import ids, scopes
from chimera.domain.campaign import Campaign, CampaignState, Input, InputState
from chimera.swarm.glancing import OVERLAP_US, WHOLE_US, Glancing
from chimera.testing.manual_clock import ManualClock
from tests.small_house import SmallHouse, a_goal
from tests.swarm.test_answering import Desk, another
from tests.swarm.test_waiting import come_in

pytestmark = pytest.mark.requirement("R-A2", "R-A5")
MANY = 3


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse(clock=ManualClock()).open()


def glancing(house: SmallHouse) -> Glancing:
    return Glancing(reads=house.manager, shards=range(256), at_once=MANY, clock=house.clock)


async def page(house: SmallHouse) -> tuple[Input, ...]:
    return await house.manager.list(Input, states=("admitted",), limit=MANY)


async def test_a_glance_sees_what_came_in_since_the_last_page(house: SmallHouse) -> None:
    look = glancing(house)
    await come_in(house, house.campaign, 1)
    assert await look.newest() == (), "nobody has looked yet"
    look.looked(await page(house), left=0)
    house.clock.advance(2 * OVERLAP_US / 1_000_000)
    await come_in(house, house.campaign, 1)
    (first, second) = await page(house)
    assert await look.newest() == (first, second), "a moment is looked at twice"
    assert await look.newest() == (second,)


async def test_who_came_a_moment_before_is_seen_a_moment_after(house: SmallHouse) -> None:
    look = glancing(house)
    await come_in(house, house.campaign, 1)
    look.looked(await page(house), left=0)
    (first,) = await page(house)
    late = replace(first, id=ids.build(at_us=house.clock.now_us() - OVERLAP_US + 1_000, entropy=1))
    await house.put(late)
    assert await look.newest() == (late, first)


async def test_a_page_is_read_again_soon(house: SmallHouse) -> None:
    look = glancing(house)
    await come_in(house, house.campaign, 1)
    look.looked(await page(house), left=0)
    assert await look.newest()
    house.clock.advance(WHOLE_US / 1_000_000)
    assert await look.newest() == ()


@pytest.mark.parametrize("left", ["of the page", "of a glance", "unread", "unseen"])
async def test_whoever_is_left_waiting_is_on_the_next_page(house: SmallHouse, left: str) -> None:
    look = glancing(house)
    await come_in(house, house.campaign, MANY if left == "unread" else 1)
    look.looked(await page(house), left=int(left == "of the page"))
    if left == "of a glance":
        assert await look.newest()
        look.left(1)
        look.left(0)
    if left == "unseen":
        await come_in(house, house.campaign, MANY)
        assert len(await look.newest()) == MANY
    assert await look.newest() == ()


async def test_a_name_of_tomorrow_hides_nobody(house: SmallHouse) -> None:
    """What was named by a network bears that network's time."""
    look, late = glancing(house), ids.build(at_us=house.clock.now_us() + 10**9, entropy=1)
    one = Input(id=late, campaign_id=house.campaign.id, kind="mention", payload={}, labels=("public",), threat="LOW",
                admitted_at_us=1)  # fmt: skip
    await house.put(one)
    look.looked(await page(house), left=0)
    await come_in(house, house.campaign, 1)
    assert len(await look.newest()) == 2


async def test_who_was_let_in_late_is_found_at_once_where_nobody_else_comes(house: SmallHouse) -> None:
    """Its name is older than all that was seen: no glance finds it, and behind an empty one the page is read."""
    desk = await Desk(house).idle()
    desk.intake._told = None
    await desk.comes()
    await desk.planning.once()
    await desk.answering.once()
    old = Input(id=ids.build(at_us=1, entropy=1), campaign_id=(await another(house)).id, kind="bench",
                payload={"text": "a line"}, labels=("public",), threat="LOW", admitted_at_us=1)  # fmt: skip
    await house.put(old)
    assert await desk.planning.once()
    await desk.answering.once()
    assert (await house.manager.get(Input, old.id)).state is InputState.PLANNED


async def test_a_campaign_that_is_opened_meanwhile_is_planned(house: SmallHouse) -> None:
    desk = await Desk(house).idle()
    desk.intake._told = None
    await desk.comes()
    await desk.planning.once()
    await desk.answering.once()
    opened = Campaign(id=house.ids.new(), agent_id=house.agent.id, goal=a_goal(house.agent))
    await house.put(opened)
    await house.set_cap(scopes.campaign(opened.id), "total", 10**9)
    await desk.planning.once()
    for running in tuple(desk.planning._goals.values()):
        await running
    assert (await house.manager.get(Campaign, opened.id)).state is CampaignState.RUNNING


@pytest.mark.parametrize("seen", ["on a page", "at a glance"])
async def test_whoever_waited_is_planned_with_the_next_who_come(house: SmallHouse, seen: str) -> None:
    desk, asleep = await Desk(house).idle(), await another(house)
    desk.intake._told = None
    paused = replace(asleep, version=2, state=CampaignState.PAUSED)
    await house.put(paused)
    if seen == "at a glance":
        await desk.comes()
        await desk.planning.once()
        await desk.answering.once()
    waits = await desk.comes(asleep)
    house.clock.advance(2 * OVERLAP_US / 1_000_000)
    await desk.comes(await another(house, "cleo"))
    assert await desk.planning.once()
    await house.put(replace(paused, version=3, state=CampaignState.RUNNING))
    house.clock.advance(2 * OVERLAP_US / 1_000_000)
    comes = await desk.comes()
    await desk.planning.once()
    await desk.answering.once()
    assert [(await house.manager.get(Input, one.id)).state for one in (waits, comes)] == [InputState.PLANNED] * 2


async def test_whoever_is_being_planned_is_not_read_again(house: SmallHouse) -> None:
    desk = await Desk(house).idle()
    await desk.comes()
    assert not await desk.planning.once(), "who was told has it"
    house.clock.advance(2 * OVERLAP_US / 1_000_000)
    desk.intake._told = None
    second = await desk.comes(await another(house))
    third = await desk.comes(await another(house, "cleo"))
    assert list(await desk.planning._glancing.newest())[-2:] == [second, third]
