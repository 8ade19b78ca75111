"""A goal begins at its moment and within its agent's hours, by the fleet's clock; what comes in before then waits."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.budget import Cap
from chimera.domain.campaign import Campaign, CampaignState, Input
from chimera.domain.caps import cap_id
from chimera.domain.civil import moment_of
from chimera.domain.durations import HOUR_US
from chimera.domain.schedule import OpenHours, Schedule
from chimera.domain.task import Task
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.swarm.answering import Answering
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import Claiming
from chimera.swarm.court import Court
from chimera.swarm.handing import Handing
from chimera.swarm.planning import POOR_SECONDS, Planning
from chimera.swarm.roster import Roster
from chimera.testing.manual_clock import ManualClock
from tests.small_house import CONTRACTS, GATE, INPUTS, PROMPTS, SmallHouse
from tests.small_work import ACCEPTED, SayingModel, envelope
from tests.swarm.test_hearing import HandedIn

pytestmark = pytest.mark.requirement("R-C1", "R-A1")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = Schedule(hours=(OpenHours(days=(0, 1, 2, 3, 4), opens_minute=8 * 60, closes_minute=20 * 60),))
STEP = {"key": "a", "spec": "copy.post", "input": INPUTS["copy.post"], "after": []}
PLAN = envelope({"analysis": "a", "steps": [STEP], "safety": ["s"], "tests": ["t"]})
EARLY, OPENS = (moment_of(f"2026-11-20T{clock}", BERLIN) for clock in ("07:59:59", "08:00:00"))


@pytest.fixture
async def house() -> SmallHouse:
    small = SmallHouse(clock=ManualClock(now_us=EARLY))
    small.campaign = replace(small.campaign, state=CampaignState.OPENED, plans=0)
    small.agent = replace(small.agent, schedule=OFFICE)
    return await small.open()


def planning(house: SmallHouse, *answers: str, models_cost: bool = False) -> tuple[Planning, SayingModel]:
    """A manager's planning in a fleet whose clocks show Berlin's time."""
    treasury, model = Treasury(zone=BERLIN), SayingModel(*(answers or (PLAN,)))
    roster = Roster(reads=house.manager, clock=house.clock)
    judge = Judge(model=SayingModel(ACCEPTED), contracts=CONTRACTS, prompt=PROMPTS["judge"])
    planner = Planner(model=model, contracts=CONTRACTS, costs=house.plan_costs(models_cost=models_cost),
                      prompt=PROMPTS["plan"], store=house.manager, clock=house.clock, ids=house.ids)  # fmt: skip
    court = Court(judge=judge, gate=GATE, treasury=treasury, contracts=CONTRACTS, clock=house.clock)
    claiming = Claiming(store=house.manager, dispatch=HandedIn(), roster=roster, shards=range(256), clock=house.clock)
    answering = Answering(planner=planner, court=court, reads=house.manager, roster=roster, claiming=claiming,
                          ready=Bell(house.clock), arrived=Bell(house.clock), shards=range(256))  # fmt: skip
    made = Planning(
        planner=planner, handing=Handing(planner=planner, store=house.manager, roster=roster, shards=range(256)),
        court=court, store=house.manager, roster=roster, shards=range(256), claiming=claiming, answering=answering,
    )  # fmt: skip
    return made, model


async def planned(made: Planning) -> None:
    """One round, and the end of what it began."""
    await made.once()
    for running in list(made._goals.values()):
        await running


async def state(house: SmallHouse) -> CampaignState:
    return (await house.manager.get(Campaign, house.campaign.id)).state


async def test_a_goal_waits_for_its_agents_hours(house: SmallHouse) -> None:
    made, model = planning(house)
    await planned(made)
    assert (await state(house), model.asked) == (CampaignState.OPENED, [])
    house.clock.advance(1)
    await planned(made)
    assert (await state(house), len(model.asked)) == (CampaignState.RUNNING, 1)


@pytest.mark.requirement("R-E2", "R-B5")
async def test_without_money_for_its_plan_a_goal_is_looked_at_again_after_a_while(house: SmallHouse) -> None:
    house.clock.advance(1)
    agent = scopes.agent(house.agent.id)
    cap = Cap(id=cap_id(agent, "day"), limited=agent, period="day", micros=0)
    await house.put(cap)
    made, model = planning(house, models_cost=True)
    await planned(made)
    await house.put(replace(cap, version=2, micros=10_000_000))
    for seconds in (0, POOR_SECONDS - 1):
        house.clock.advance(seconds)
        await planned(made)
        assert (await state(house), model.asked) == (CampaignState.OPENED, [])
    house.clock.advance(1)
    await planned(made)
    assert (await state(house), len(model.asked)) == (CampaignState.RUNNING, 1)


async def test_a_goal_begins_at_its_moment(house: SmallHouse) -> None:
    begins_us = OPENS + HOUR_US
    campaign = await house.manager.get(Campaign, house.campaign.id)
    later = replace(campaign, version=2, goal=replace(campaign.goal, begins_at_us=begins_us))
    await house.put(later)
    made, model = planning(house)
    for seconds in (1, 3_599):
        house.clock.advance(seconds)
        await planned(made)
        assert model.asked == []
    house.clock.advance(1)
    await planned(made)
    assert (await state(house), len(model.asked)) == (CampaignState.RUNNING, 1)


async def test_an_answer_out_of_hours_is_planned_for_the_morning(house: SmallHouse) -> None:
    campaign = await house.manager.get(Campaign, house.campaign.id)
    await house.put(replace(campaign, version=2, state=CampaignState.RUNNING, plans=1))
    heard = Input(id=house.ids.new(), campaign_id=campaign.id, kind="mention", payload=INPUTS["copy.reply"],
                  labels=("public",), threat="LOW", admitted_at_us=EARLY, purpose="answer")  # fmt: skip
    await house.put(heard)
    made, _ = planning(house)
    await planned(made)
    assert [task.due_at_us for task in await house.manager.list(Task)] == [OPENS]
    assert await house.manager.claim(shards=range(256), limit=9, lease_seconds=60.0) == ()
    house.clock.advance(1)
    assert len(await house.manager.claim(shards=range(256), limit=9, lease_seconds=60.0)) == 1
