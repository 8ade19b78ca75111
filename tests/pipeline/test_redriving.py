"""What failed is tried anew by a person: once, as another task, with what was dropped because of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.campaign import Campaign, CampaignState
from chimera.domain.errors import ChimeraError
from chimera.domain.event import EventKind
from chimera.domain.grant import PerformanceState
from chimera.domain.person import Principal
from chimera.domain.review import ReviewState
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.pipeline.redriving import Redriving
from tests.pipeline.test_settle import performance
from tests.small_house import OLGA, OTTO, PERMITS, RITA, SmallHouse

pytestmark = pytest.mark.requirement("R-A4", "R-G2")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


def redriving(house: SmallHouse) -> Redriving:
    return Redriving(store=house.office, permits=PERMITS)


async def failed(house: SmallHouse, *, opens: tuple[str, ...] = ()) -> Task:
    return await house.a_task(state=TaskState.FAILED, reason="the model was away", opens=opens, attempt=3)


async def code_of(house: SmallHouse, task: Task, by: Principal = OTTO, why: str = "it is back") -> str:
    with pytest.raises(ChimeraError) as refusal:
        await redriving(house).redrive(task.id, by=by, why=why)
    return refusal.value.code


@pytest.mark.parametrize("by", [OTTO, OLGA])
async def test_it_is_tried_once_as_another_task_under_the_same_limits(house: SmallHouse, by: Principal) -> None:
    task = await failed(house)
    assert await redriving(house).dead() == (task,)
    anew = (await redriving(house).redrive(task.id, by=by, why="it is back")).task
    assert (anew.state, anew.attempt, anew.grant_id, anew.reason) == (TaskState.READY, 0, None, "")
    assert (anew.spec, anew.input, anew.labels, anew.threat) == (task.spec, task.input, task.labels, task.threat)
    assert await house.office.get(Task, task.id) == task, "what failed stays as it is"
    assert await redriving(house).dead() == ()
    assert await code_of(house, task) == "task_redriven"
    (leased,) = await house.manager.claim(shards=range(256), limit=10, lease_seconds=60)
    assert leased.id == anew.id
    told = (await house.office.links("office-0"))[-1].body.decode()
    assert EventKind.TASK_REDRIVEN in told
    assert f'"by":"{by.name}"' in told
    assert "the model was away" in told


async def test_what_was_dropped_because_of_it_waits_again(house: SmallHouse) -> None:
    last = await house.a_task(state=TaskState.DROPPED, pending=1)
    middle = await house.a_task(state=TaskState.DROPPED, pending=1, opens=(last.id,))
    task = await failed(house, opens=(middle.id,))
    for one, awaited in ((middle, task), (last, middle)):
        house.rewrite(replace(one, awaits=(awaited.id,)))
    done = await redriving(house).redrive(task.id, by=OTTO, why="it is back")
    second, third = done.followers
    assert done.task.opens == (second.id,)
    assert (second.awaits, second.opens, second.state) == ((done.task.id,), (third.id,), TaskState.WAITING)
    assert (third.awaits, third.opens, third.pending) == ((second.id,), (), 1)


async def test_what_waits_for_something_else_that_never_came_stays_dropped(house: SmallHouse) -> None:
    other = await house.a_task(state=TaskState.REFUSED)
    follower = await house.a_task(state=TaskState.DROPPED, pending=2)
    task = await failed(house, opens=(follower.id,))
    house.rewrite(replace(follower, awaits=(task.id, other.id)))
    assert (await redriving(house).redrive(task.id, by=OTTO, why="it is back")).followers == ()


async def test_a_reviewer_may_not(house: SmallHouse) -> None:
    assert await code_of(house, await failed(house), by=RITA) == "not_permitted"


@pytest.mark.parametrize("state", [state for state in TaskState if state is not TaskState.FAILED])
async def test_only_what_failed(house: SmallHouse, state: TaskState) -> None:
    assert await code_of(house, await house.a_task(state=state)) == "task_not_dead"


async def test_not_under_a_halt_nor_in_a_campaign_that_is_over(house: SmallHouse) -> None:
    task = await failed(house)
    await house.halt(f"agent:{task.agent_id}")
    assert await code_of(house, task) == "halted"
    campaign = await house.office.get(Campaign, task.campaign_id)
    await house.put(replace(campaign, version=campaign.version + 1, state=CampaignState.CANCELLED))
    assert await code_of(house, task) == "task_not_dead"
    assert not await house.office.list(Task, states=("ready",))


@pytest.mark.parametrize(
    ("state", "outcome", "code"),
    [
        (PerformanceState.IN_DOUBT, "expired", "act_in_doubt"),
        (PerformanceState.IN_DOUBT, "", "act_in_doubt"),
        (PerformanceState.FINISHED, "expired", "act_in_doubt"),
        (PerformanceState.IN_DOUBT, "rejected", ""),
        (PerformanceState.FAILED, "", ""),
    ],
)
async def test_what_may_have_happened_is_not_done_again(
    house: SmallHouse, state: PerformanceState, outcome: str, code: str
) -> None:
    """Nobody said in time whether it happened: the task has failed, and the act may stand there all the same."""
    granted = await house.grant()
    task = replace(granted.task, state=TaskState.FAILED)
    review = replace(await house.escalate(), task_id=task.id, about="doubt", state=ReviewState.CLOSED, outcome=outcome)
    for record in (task, performance(granted, state), review):
        house.rewrite(record)
    if code:
        assert await code_of(house, task) == code
    else:
        anew = (await redriving(house).redrive(task.id, by=OTTO, why="it is not there")).task
        assert (anew.state, anew.grant_id) == (TaskState.READY, None)


async def test_of_several_each_stands_for_itself(house: SmallHouse) -> None:
    first, second, third = [await failed(house) for _ in range(3)]
    living, missing = await house.a_task(), house.ids.new()
    named = [first.id, living.id, missing, first.id, second.id, third.id]
    summary = await redriving(house).redrive_each(named, by=OTTO, why="it is back", most=2)
    assert [task_id for task_id, _ in summary.redriven] == [first.id, second.id], "each once, in order"
    assert [(one.task_id, one.code) for one in summary.declined] == [
        (living.id, "task_not_dead"),
        (missing, "record_missing"),
    ]
    assert summary.left_count == 1
    assert await redriving(house).dead() == (third,)


async def test_dead_ones_of_a_type_or_campaign(house: SmallHouse) -> None:
    task = await failed(house)
    assert await redriving(house).dead(task_type=task.spec.name, campaign_id=task.campaign_id) == (task,)
    assert await redriving(house).dead(task_type="copy.other") == ()
    assert await redriving(house).dead(campaign_id=house.ids.new()) == ()


async def test_not_when_the_time_of_its_campaign_is_over(house: SmallHouse) -> None:
    task = await house.a_task(state=TaskState.FAILED, ends_at_us=house.clock.now_us() + 1)
    house.clock.advance(1)
    assert await code_of(house, task) == "task_not_dead"


@pytest.mark.parametrize(("why", "code"), [("a\x00b", "text_has_nul"), ("\ud800", "text_lone_surrogate")])
async def test_a_reason_that_cannot_be_kept(house: SmallHouse, why: str, code: str) -> None:
    assert await code_of(house, await failed(house), why=why) == code


async def test_no_office_makes_a_task_that_has_begun(house: SmallHouse) -> None:
    for state in TaskState:
        if state not in (TaskState.WAITING, TaskState.READY):
            task = replace(await house.a_task(), id=house.ids.new(), state=state)
            with pytest.raises(ChimeraError) as refusal:
                await house.put(task, by=Role.OFFICE)
            assert refusal.value.code == "write_not_permitted"
