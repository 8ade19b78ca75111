"""Settle in every state of an act, and in every state of its task: money, followers and history agree."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chimera.domain.budget import Hold, HoldState
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.grant import Performance, PerformanceState, Seal, SealState
from chimera.domain.granted import Granted
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.pipeline.settling.settle import TRIES_MAX
from tests.small_house import COST_MICROS, SmallHouse

pytestmark = pytest.mark.requirement("R-A4", "R-E2")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def with_followers(house: SmallHouse) -> tuple[Granted, Task, Task]:
    """A granted task, one that waits for it, and one that waits for that."""
    last = await house.a_task(state=TaskState.WAITING, pending=1)
    middle = await house.a_task(state=TaskState.WAITING, pending=1, opens=(last.id,))
    granted = await house.grant(task=await house.a_task(opens=(middle.id,)))
    return granted, middle, last


def performance(granted: Granted, state: PerformanceState, **more: Any) -> Performance:
    terms = granted.grant.terms
    return Performance(
        id=granted.grant.id, task_id=terms.task_id, campaign_id=terms.campaign_id, platform=terms.platform,
        started_at_us=0, deadline_us=0, state=state, **more,
    )  # fmt: skip


async def state_of(house: SmallHouse, task: Task) -> TaskState:
    return (await house.manager.get(Task, task.id)).state


async def test_a_finished_act(house: SmallHouse) -> None:
    granted, middle, last = await with_followers(house)
    await house.settle.finish(granted, performance(granted, PerformanceState.FINISHED))
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (0, COST_MICROS)
    assert await state_of(house, granted.task) is TaskState.DONE
    assert await state_of(house, middle) is TaskState.READY
    assert await state_of(house, last) is TaskState.WAITING
    assert granted.hold is not None
    assert (await house.manager.get(Hold, granted.hold.id)).state is HoldState.CAPTURED


async def test_an_act_that_failed_for_good(house: SmallHouse) -> None:
    granted, middle, last = await with_followers(house)
    await house.settle.finish(granted, performance(granted, PerformanceState.FAILED, reason="no"))
    window = await house.window()
    assert (window.held_micros, window.spent_micros) == (0, 0)
    assert await state_of(house, granted.task) is TaskState.FAILED
    assert [await state_of(house, one) for one in (middle, last)] == [TaskState.DROPPED] * 2


async def test_an_act_that_may_be_tried_again(house: SmallHouse) -> None:
    granted, middle, _ = await with_followers(house)
    after = await house.settle.finish(granted, performance(granted, PerformanceState.FAILED, later=True))
    assert after is not None
    assert (after.state, after.grant_id) == (TaskState.READY, None)
    assert after.due_at_us > house.clock.now_us()
    assert (await house.window()).held_micros == 0
    assert await state_of(house, middle) is TaskState.WAITING


async def test_nothing_is_tried_for_ever(house: SmallHouse) -> None:
    granted = await house.grant(task=await house.a_task(attempt=TRIES_MAX))
    after = await house.settle.finish(granted, performance(granted, PerformanceState.FAILED, later=True))
    assert after is not None
    assert after.state is TaskState.FAILED


async def test_an_act_in_doubt_keeps_its_money(house: SmallHouse) -> None:
    granted = await house.grant()
    doubtful = performance(granted, PerformanceState.IN_DOUBT)
    after = await house.settle.finish(granted, doubtful)
    assert after is not None
    assert after.state is TaskState.IN_DOUBT
    assert (await house.window()).held_micros == COST_MICROS
    assert await house.settle.finish(Granted(task=after, grant=granted.grant), doubtful) == after


async def test_an_act_that_is_under_way_is_left_alone(house: SmallHouse) -> None:
    granted = await house.grant()
    assert await house.settle.finish(granted, performance(granted, PerformanceState.STARTED)) is None
    assert await state_of(house, granted.task) is TaskState.GRANTED


async def test_what_goes_out_is_not_settled_without_an_act(house: SmallHouse) -> None:
    granted = await house.grant()
    with pytest.raises(Refused, match="nothing is known"):
        await house.settle.finish(granted, None)
    assert await state_of(house, granted.task) is TaskState.GRANTED


async def test_settled_twice_is_settled_once(house: SmallHouse) -> None:
    granted = await house.grant()
    finished = performance(granted, PerformanceState.FINISHED)
    await house.settle.finish(granted, finished)
    with pytest.raises(Conflict):
        await house.settle.finish(granted, finished)
    assert (await house.window()).spent_micros == COST_MICROS


async def test_whoever_comes_late_to_followers_is_refused_by_name(house: SmallHouse) -> None:
    granted, middle, _ = await with_followers(house)
    finished = performance(granted, PerformanceState.FINISHED)
    await house.settle.finish(granted, finished)
    with pytest.raises(ChimeraError) as refusal:
        await house.settle.finish(granted, finished)
    assert refusal.value.code in ("task_ready_cannot_open", "record_stale")
    assert (await house.manager.get(Task, middle.id)).pending == 0


@pytest.mark.parametrize("state", [state for state in TaskState if state not in ("granted", "in_doubt", "held")])
@pytest.mark.parametrize("said", [PerformanceState.FINISHED, PerformanceState.FAILED])
async def test_a_task_in_any_other_state_is_not_settled(
    house: SmallHouse, state: TaskState, said: PerformanceState
) -> None:
    granted = await house.grant()
    task = await house.a_task(state=state)
    # A leased task may fail by itself: then it is the lease that is gone, and the money of the grant that stays.
    if (state, said) == (TaskState.LEASED, PerformanceState.FAILED):
        return
    with pytest.raises(Refused):
        await house.settle.finish(Granted(task=task, grant=granted.grant), performance(granted, said))
    assert (await house.window()).held_micros == COST_MICROS


@pytest.mark.parametrize("again", [True, False])
async def test_a_grant_that_lapses(house: SmallHouse, again: bool) -> None:
    granted, middle, _ = await with_followers(house)
    seal = await house.manager.get(Seal, granted.grant.id)
    after = await house.settle.lapse(granted, seal, why="late", again=again)
    assert after.state is (TaskState.READY if again else TaskState.REFUSED)
    assert after.grant_id is None
    assert (await house.window()).held_micros == 0
    assert (await house.manager.get(Seal, seal.id)).state is (SealState.EXPIRED if again else SealState.WITHDRAWN)
    assert await state_of(house, middle) is (TaskState.WAITING if again else TaskState.DROPPED)


async def test_a_grant_that_was_taken_cannot_lapse(house: SmallHouse) -> None:
    granted = await house.grant()
    await house.effects().perform(granted.grant.id)
    seal = await house.manager.get(Seal, granted.grant.id)
    for again in (True, False):
        with pytest.raises(Refused, match="taken"):
            await house.settle.lapse(granted, seal, why="late", again=again)
    assert (await house.window()).held_micros == COST_MICROS


async def test_whoever_was_fenced_settles_nothing(house: SmallHouse) -> None:
    granted = await house.grant()
    house.store("manager-0", Role.MANAGER)
    with pytest.raises(Conflict, match="opened anew"):
        await house.settle.finish(granted, performance(granted, PerformanceState.FINISHED))


async def test_a_person_is_asked_with_the_exact_bytes(house: SmallHouse) -> None:
    granted = await house.grant()
    doubtful = performance(granted, PerformanceState.IN_DOUBT, needs_person=True, reason="nobody knows")
    task = await house.settle.finish(granted, doubtful)
    assert task is not None
    review = await house.settle.ask_person(task, doubtful)
    assert (review.about, review.action_digest) == ("doubt", granted.grant.terms.action_digest)
    assert await state_of(house, task) is TaskState.HELD
    with pytest.raises(ChimeraError):
        await house.settle.ask_person(replace(task, version=task.version), doubtful)
