"""Whoever has to wait keeps nobody else from being planned: paused, halted, or in front with a flood."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.agent import Agent, AgentState
from chimera.domain.campaign import Campaign, CampaignState, Input
from chimera.domain.durations import HOUR_US
from chimera.domain.task import Task
from chimera.governance.halts import Halts
from chimera.ports.store import LIST_MAX
from chimera.swarm.planning import INPUTS_AT_ONCE_MAX, INPUTS_OF_ONE_MAX
from chimera.swarm.roster import FRESH_SECONDS
from chimera.swarm.waiting import PASSED_OVER_SECONDS, Waiting
from chimera.testing.manual_clock import ManualClock
from tests.small_house import INPUTS, OTTO, PERMITS, SmallHouse, a_goal
from tests.swarm.test_hours import OPENS, planned, planning

pytestmark = pytest.mark.requirement("R-A2", "R-A7")
PAGE = 4


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse(clock=ManualClock(now_us=OPENS)).open()


async def another(house: SmallHouse, name: str, **different: object) -> Campaign:
    """An agent with a running campaign."""
    agent = replace(house.an_agent(name), **different)
    campaign = Campaign(id=house.ids.new(), agent_id=agent.id, goal=a_goal(agent), plans=1,
                        state=CampaignState.RUNNING)  # fmt: skip
    await house.put(agent, campaign)
    return campaign


async def come_in(house: SmallHouse, campaign: Campaign, count: int) -> None:
    inputs = [Input(id=house.ids.new(), campaign_id=campaign.id, kind="mention", payload=INPUTS["copy.reply"],
                    labels=("public",), threat="LOW", admitted_at_us=OPENS, purpose="answer")
              for _ in range(count)]  # fmt: skip
    for start in range(0, count, 100):
        await house.put(*inputs[start : start + 100])


async def rounds_until_planned(house: SmallHouse, campaign: Campaign, *, rounds_max: int) -> int:
    made, _ = planning(house)
    for number in range(rounds_max):
        await planned(made)
        if await house.manager.list(Task, scope=campaign.id):
            return number + 1
    raise AssertionError(f"nothing of {campaign.id} was planned in {rounds_max} rounds")


async def test_what_waits_for_a_paused_agent_keeps_no_other_waiting(house: SmallHouse) -> None:
    asleep = await another(house, "bert", state=AgentState.PAUSED)
    await come_in(house, asleep, INPUTS_AT_ONCE_MAX)
    await come_in(house, house.campaign, 1)
    assert await rounds_until_planned(house, house.campaign, rounds_max=2) == 2
    assert await house.manager.list(Task, scope=asleep.id) == ()


@pytest.mark.parametrize("kind", ["fleet", "campaign", "agent", "platform"])
async def test_in_a_paused_scope_nothing_is_planned_until_it_goes_on(house: SmallHouse, kind: str) -> None:
    names = {"campaign": house.campaign.id, "agent": house.agent.id, "platform": house.campaign.goal.platform}
    scope = f"{kind}:{names[kind]}" if kind in names else kind
    halts = Halts(store=house.office, ids=house.ids, permits=PERMITS)
    await halts.pause(scope, by=OTTO, reason="a rest")
    await come_in(house, house.campaign, 1)
    made, _ = planning(house)
    await planned(made)
    assert await house.manager.list(Task, scope=house.campaign.id) == ()
    await halts.resume(scope, by=OTTO)
    house.clock.advance(PASSED_OVER_SECONDS)
    await planned(made)
    assert len(await house.manager.list(Task, scope=house.campaign.id)) == 1


async def test_a_flood_of_one_campaign_waits_behind_everybody_elses_work(house: SmallHouse) -> None:
    loud = await another(house, "bert")
    await come_in(house, loud, 2 * INPUTS_AT_ONCE_MAX)
    await come_in(house, house.campaign, 1)
    assert await rounds_until_planned(house, house.campaign, rounds_max=3) == 3
    assert 0 < len(await house.manager.list(Task, scope=loud.id)) <= 3 * INPUTS_OF_ONE_MAX


async def test_all_of_a_flood_is_planned_in_the_end(house: SmallHouse) -> None:
    await come_in(house, house.campaign, INPUTS_AT_ONCE_MAX + 1)
    made, _ = planning(house)
    for _ in range(-(-2 * INPUTS_AT_ONCE_MAX // INPUTS_OF_ONE_MAX)):
        await planned(made)
        await house.manager.claim(shards=range(256), limit=INPUTS_OF_ONE_MAX, lease_seconds=60)
    assert await house.manager.list(Input, states=("admitted",)) == ()


async def test_a_flood_does_not_stand_in_front_of_who_comes_later(house: SmallHouse) -> None:
    """Planning is faster than work; and workers take what has waited longest, whoever it belongs to."""
    loud = await another(house, "bert")
    await come_in(house, loud, 3 * INPUTS_AT_ONCE_MAX)
    made, _ = planning(house)
    for _ in range(12):
        await planned(made)
    assert len(await house.manager.list(Task, scope=loud.id)) == INPUTS_OF_ONE_MAX
    house.clock.advance(1)
    await come_in(house, house.campaign, 1)
    for _ in range(12):
        await planned(made)
    before, leased = 0, [loud.id]
    while house.campaign.id not in leased:
        claimed = await house.manager.claim(shards=range(256), limit=8, lease_seconds=60)
        leased = [task.campaign_id for task in claimed]
        before += leased.count(loud.id)
        house.clock.advance(0.1)
        await planned(made)
    assert before <= INPUTS_OF_ONE_MAX + 8


async def test_an_agent_that_wakes_up_is_planned_for_again(house: SmallHouse) -> None:
    asleep = await another(house, "bert", state=AgentState.PAUSED)
    await come_in(house, asleep, INPUTS_AT_ONCE_MAX)
    made, _ = planning(house)
    for _ in range(3):
        await planned(made)
    agent = await house.manager.get(Agent, asleep.agent_id)
    await house.put(replace(agent, version=agent.version + 1, state=AgentState.ACTIVE))
    await planned(made)
    assert await house.manager.list(Task, scope=asleep.id) == ()
    house.clock.advance(max(PASSED_OVER_SECONDS, FRESH_SECONDS))
    await planned(made)
    assert len(await house.manager.list(Task, scope=asleep.id)) == INPUTS_OF_ONE_MAX


async def test_a_short_queue_is_read_from_its_front_each_time(house: SmallHouse) -> None:
    await come_in(house, house.campaign, PAGE - 1)
    waiting = Waiting(Input, state="admitted", reads=house.manager, shards=range(256), at_once=PAGE, clock=house.clock)
    for _ in range(2):
        assert len(await waiting.page()) == PAGE - 1
        assert waiting.took(0) is False


async def test_a_page_that_is_mostly_taken_is_not_passed_over(house: SmallHouse) -> None:
    await come_in(house, house.campaign, PAGE + 1)
    waiting = Waiting(Input, state="admitted", reads=house.manager, shards=range(256), at_once=PAGE, clock=house.clock)
    first = await waiting.page()
    assert waiting.took(PAGE // 2) is False
    assert await waiting.page() == first
    assert waiting.took(PAGE // 2 - 1) is True
    assert len(await waiting.page()) == 1


async def test_goals_that_begin_later_keep_no_other_waiting(house: SmallHouse) -> None:
    later, now = replace(a_goal(house.agent), begins_at_us=OPENS + HOUR_US), a_goal(house.agent)
    campaigns = [
        Campaign(id=house.ids.new(), agent_id=house.agent.id, goal=goal) for goal in (*[later] * LIST_MAX, now)
    ]
    for start in range(0, len(campaigns), 100):
        await house.put(*campaigns[start : start + 100])
    made, model = planning(house)
    await planned(made)
    assert model.asked == []
    await planned(made)
    assert {asked.task_id for asked in model.asked} == {campaigns[-1].id}
