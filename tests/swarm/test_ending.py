"""A goal with an end: nothing of it begins or goes out after that moment, wherever it is on its way, and it ends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.campaign import Campaign, CampaignState, Goal
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import Invalid, Refused
from chimera.domain.event import EventKind
from chimera.domain.grant import Grant
from chimera.domain.halt import Halt
from chimera.domain.plan import RANK_MAX
from chimera.domain.review import Review
from chimera.domain.stages import Course, Stage
from chimera.domain.task import TIME_OVER, TaskState
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Intake
from chimera.pipeline.rescheduling import Rescheduling
from chimera.swarm.handing import OVER
from tests.small_house import TEXT, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_handing import STEPS, World, a_plan, a_world, marks
from tests.swarm.test_hearing import Bench, unsure

pytestmark = pytest.mark.requirement("R-A2", "R-B7")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def a_world_until(seconds: int, *stages: Stage, urgent: bool = False) -> World:
    """A house whose goal ends so many seconds from now."""
    house = SmallHouse()
    goal = replace(house.campaign.goal, ends_at_us=house.clock.now_us() + seconds * SECOND_US, urgent=urgent)
    house.campaign = replace(house.campaign, state=CampaignState.OPENED, plans=0, goal=goal)
    house.agent = replace(house.agent, handovers=marks(*stages))
    return World(await house.open(), a_plan(*STEPS))


async def test_what_waits_for_a_worker_when_its_time_is_over_is_given_to_none(house: SmallHouse) -> None:
    bench, ends_us = Bench(house, models_cost=True), house.clock.now_us() + SECOND_US
    behind = await house.a_task(state=TaskState.WAITING, pending=1)
    late = await house.a_task(state=TaskState.READY, attempt=0, ends_at_us=ends_us, opens=(behind.id,))
    early = await house.a_task(state=TaskState.READY, attempt=0, ends_at_us=ends_us + SECOND_US)
    house.clock.advance(1)
    await bench.claiming.once()
    assert [one.task.id for one in bench.dispatch.sent] == [early.id]
    after = await house.manager.get(type(late), late.id)
    assert (after.state, after.reason) == (TaskState.DROPPED, TIME_OVER)
    assert (await house.manager.get(type(late), behind.id)).state is TaskState.DROPPED
    events = [link.body.decode() for link in await house.office.links("manager-0")]
    assert any(EventKind.TASK_CANCELLED in body and TIME_OVER in body for body in events)


async def test_a_grant_ends_with_the_time_of_its_campaign(house: SmallHouse) -> None:
    bench, ends_us = Bench(house), house.clock.now_us() + 5 * SECOND_US
    task = await house.a_task(state=TaskState.READY, attempt=0, ends_at_us=ends_us)
    await bench.claiming.once()
    await bench.hand_in(bench.result_of(draft(TEXT, action=a_post())))
    (grant,) = await house.manager.list(Grant)
    assert (grant.terms.task_id, grant.terms.expires_at_us) == (task.id, ends_us)


async def test_a_question_to_a_person_ends_with_it_too(house: SmallHouse) -> None:
    await house.change_agent(rulings=0)
    bench, ends_us = Bench(house), house.clock.now_us() + 5 * SECOND_US
    await house.a_task(state=TaskState.READY, attempt=0, ends_at_us=ends_us)
    for text in (TEXT, f"{TEXT} Said more plainly."):
        await bench.claiming.once()
        await bench.hand_in(bench.result_of(unsure(text)))
    (review,) = await house.manager.list(Review)
    assert review.deadline_us == ends_us


async def test_a_campaign_with_work_left_is_stopped_with_its_scope(house: SmallHouse) -> None:
    world = await a_world_until(10)
    assert (await world.round()).course is Course.DRAFT
    assert {one.ends_at_us for one in (await world.tasks()).values()} == {world.house.campaign.goal.ends_at_us}
    world.house.clock.advance(9)
    campaign = await world.round()
    assert (campaign.state, campaign.course) == (CampaignState.CANCELLED, Course.STOPPED)
    (halt,) = await world.house.office.list(Halt)
    assert (halt.halted, halt.reason) == (f"campaign:{campaign.id}", OVER)


@pytest.mark.parametrize("stages", [(), (Stage.ENGAGE,), (Stage.PLAN,), (Stage.PUBLISH,)])
async def test_what_is_over_is_not_planned_and_not_waited_for(stages: tuple[Stage, ...]) -> None:
    world = await a_world_until(1, *stages)
    world.house.clock.advance(2)
    await world.handing.once()
    assert (await world.campaign()).state is CampaignState.CANCELLED
    await world.round()
    assert (world.model.asked, await world.tasks()) == ([], {})


@pytest.mark.parametrize("stages", [(), (Stage.REPORT,)])
async def test_where_everything_went_out_the_report_follows(stages: tuple[Stage, ...]) -> None:
    world = await a_world_until(100, *stages)
    await world.house.change_agent(capabilities=("copy",))
    await world.round()
    await world.end_all()
    assert (await world.round()).course is Course.ENGAGE
    world.house.clock.advance(100)
    assert (await world.round()).course is Course.REPORT
    assert (await world.round()).course is (Course.REPORT_WAITS if stages else Course.FINISHED)
    assert (await world.round()).state is (CampaignState.RUNNING if stages else CampaignState.FINISHED)


async def test_the_steps_of_an_urgent_goal_go_before_all_others(house: SmallHouse) -> None:
    world = await a_world_until(100, urgent=True)
    await world.round()
    ranks = {one.priority for one in (await world.tasks()).values()}
    assert ranks == {100 - RANK_MAX - 1}
    patient = await a_world()
    await patient.round()
    assert {one.priority for one in (await patient.tasks()).values()} == {100}


async def test_nothing_is_moved_behind_the_end(house: SmallHouse) -> None:
    ends_us = house.clock.now_us() + 60 * SECOND_US
    task = await house.a_task(state=TaskState.READY, ends_at_us=ends_us)
    with pytest.raises(Refused, match="over by then") as refusal:
        await Rescheduling(store=house.office).move(task.id, to_us=ends_us, version=1, by="otto")
    assert refusal.value.code == "time_past_end"
    await Rescheduling(store=house.office).move(task.id, to_us=ends_us - 1, version=1, by="otto")


@pytest.mark.parametrize(("begins", "ends"), [(0, -1), (0, 0), (20, 10), (10, 10)])
async def test_a_goal_ends_ahead_and_behind_its_beginning(house: SmallHouse, begins: int, ends: int) -> None:
    now_us = house.clock.now_us()
    security = SecurityGateway(CachedScanner(shipped_scanner()))
    intake = Intake(security=security, store=house.office, clock=house.clock, ids=house.ids)
    begins_us = now_us + begins * SECOND_US if begins else 0
    goal = Goal(text="A post", agent=house.agent.id, platform="sandbox", budget_micros=1_000_000,
                begins_at_us=begins_us, ends_at_us=now_us + ends * SECOND_US)  # fmt: skip
    with pytest.raises(Invalid) as refusal:
        await intake.open_campaign(goal, by="otto")
    assert refusal.value.code == "goal_ends"
    opened = await intake.open_campaign(replace(goal, ends_at_us=now_us + 30 * SECOND_US), by="otto")
    assert (await house.office.get(Campaign, opened.id)).due_us == now_us + 30 * SECOND_US
