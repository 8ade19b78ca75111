"""A cancelled campaign ends: every state of a task has its own end, nothing begins, and the money goes back."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain.campaign import Campaign
from chimera.domain.event import EventKind
from chimera.domain.grant import Seal, SealState
from chimera.domain.halt import Halt
from chimera.domain.review import Review, ReviewState
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Intake
from chimera.swarm.cancelling import WHY, Cancelling
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A4", "R-A1")


class World:
    """A house, and a manager's round over what was cancelled in it."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.busy: set[str] = set()
        self.cancelling = Cancelling(store=house.manager, settle=house.settle, is_busy=self.busy.__contains__)

    async def cancel(self) -> None:
        house = self.house
        security = SecurityGateway(CachedScanner(shipped_scanner()))
        intake = Intake(security=security, store=house.office, clock=house.clock, ids=house.ids)
        campaign = await house.office.get(Campaign, house.campaign.id)
        await intake.cancel_campaign(campaign.id, by="olga", reason="enough", version=campaign.version)

    async def ended(self) -> None:
        await self.cancel()
        await self.cancelling.once()

    async def task(self, task_id: str) -> Task:
        return await self.house.office.get(Task, task_id)


@pytest.fixture
async def world() -> World:
    return World(await SmallHouse().open())


@pytest.mark.parametrize("state", [TaskState.WAITING, TaskState.READY, TaskState.LEASED])
async def test_what_has_not_been_decided_is_dropped(world: World, state: TaskState) -> None:
    task = await world.house.a_task(state=state, pending=1 if state is TaskState.WAITING else 0)
    await world.ended()
    after = await world.task(task.id)
    assert (after.state, after.reason) == (TaskState.DROPPED, WHY)
    events = [link.body.decode() for link in await world.house.office.links("manager-0")]
    assert f'"was":"{state}"' in events[-1]
    assert EventKind.TASK_CANCELLED in events[-1]


async def test_a_result_that_comes_late_is_of_another_version(world: World) -> None:
    task = await world.house.a_task()
    await world.ended()
    with pytest.raises(Exception, match="written by somebody else") as refusal:
        await world.house.put(task.after(TaskCommand.ACCEPT), by=Role.MANAGER)
    assert refusal.value.code == "record_stale"  # type: ignore[attr-defined]


@pytest.mark.parametrize("asked", [False, True])
async def test_what_waits_for_a_person_is_dropped_with_its_question(world: World, *, asked: bool) -> None:
    review = await world.house.escalate()
    if asked:
        review = replace(review, version=2, state=ReviewState.ASKED)
        await world.house.put(review)
    await world.ended()
    assert (await world.task(review.task_id)).state is TaskState.DROPPED
    assert (await world.house.office.get(Review, review.id)).state is ReviewState.CLOSED


@pytest.mark.parametrize("sealed", [False, True])
async def test_a_grant_that_nobody_has_begun_with_is_withdrawn_and_its_money_goes_back(
    world: World, *, sealed: bool
) -> None:
    granted = await world.house.grant(seal=sealed)
    assert (await world.house.window()).held_micros > 0
    await world.ended()
    assert (await world.task(granted.task.id)).state is TaskState.REFUSED
    assert (await world.house.window()).held_micros == 0
    if sealed:
        assert (await world.house.office.get(Seal, granted.grant.id)).state is SealState.WITHDRAWN
    with pytest.raises(Exception, match=r"halted|sealed|taken|withdrawn"):
        await world.house.effects().perform(granted.grant.id)
    assert world.house.deeds() == 0


async def test_a_grant_that_is_in_somebodys_hands_is_waited_for(world: World) -> None:
    granted = await world.house.grant()
    world.busy.add(granted.grant.id)
    await world.ended()
    assert (await world.task(granted.task.id)).state is TaskState.GRANTED
    world.busy.clear()
    await world.cancelling.once()
    assert (await world.task(granted.task.id)).state is TaskState.REFUSED


async def test_what_has_gone_out_is_settled_as_always(world: World) -> None:
    granted = await world.house.grant()
    performance = await world.house.effects().perform(granted.grant.id)
    await world.ended()
    assert (await world.task(granted.task.id)).state is TaskState.GRANTED
    await world.house.settle.finish(granted, performance)
    await world.cancelling.once()
    assert (await world.task(granted.task.id)).state is TaskState.DONE


async def test_what_is_in_doubt_and_what_a_person_ordered_are_left_alone(world: World) -> None:
    doubtful = await world.house.a_task(state=TaskState.IN_DOUBT, grant_id=world.house.ids.new())
    asked = await world.house.a_task(state=TaskState.HELD, grant_id=world.house.ids.new())
    order = await world.house.a_task(state=TaskState.HELD, order=world.house.ids.new())
    await world.ended()
    for one in (doubtful, asked, order):
        assert (await world.task(one.id)).state is one.state


async def test_another_campaign_and_one_that_is_only_halted_go_on(world: World) -> None:
    other = await world.house.a_task(state=TaskState.READY, campaign_id=world.house.ids.new())
    mine = await world.house.a_task(state=TaskState.READY)
    await world.house.halt(f"campaign:{world.house.campaign.id}")
    await world.cancelling.once()
    assert (await world.task(mine.id)).state is TaskState.READY
    await world.ended()
    assert (await world.task(mine.id)).state is TaskState.DROPPED
    assert (await world.task(other.id)).state is TaskState.READY
    assert len(await world.house.office.list(Halt)) == 1
