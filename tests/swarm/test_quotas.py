"""A full quota postpones and refuses nothing; what was counted is counted in the database, whoever starts anew."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from chimera.domain.budget import Hold, Movement
from chimera.domain.draft import Draft
from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant
from chimera.domain.schedule import Schedule
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from chimera.testing.store_samples import change
from tests.small_house import DISCLOSURE, RITA, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench
from tests.swarm.test_take_down import Afterwards

pytestmark = pytest.mark.requirement("R-E2", "R-C1")


@pytest.fixture
async def house() -> SmallHouse:
    small = await SmallHouse().open()
    await small.change_agent(schedule=Schedule(posts_per_day_max=2))
    return small


def tomorrow_us(house: SmallHouse) -> int:
    return (house.clock.now_us() // DAY_US + 1) * DAY_US


SAID = (
    "Boss fights are better with friends.", "Speedrunners found a skip in the second castle.",
    "The soundtrack comes on vinyl next spring.",
)  # fmt: skip


def another(number: int) -> Draft:
    """A post that says something else than those before."""
    text = f"{SAID[number]} {DISCLOSURE}"
    return draft(text, action=a_post(text, cost_micros=0))


async def hear(bench: Bench, number: int = 0) -> Task:
    return await bench.hear(another(number), cost=0)


async def counted(house: SmallHouse, period: str = "posts-day") -> tuple[int, int]:
    found = [one for one in await house.manager.windows() if f"|{period}|" in one.id]
    return (found[0].held_micros, found[0].spent_micros) if found else (0, 0)


async def test_the_post_after_the_last_waits_for_tomorrow(house: SmallHouse) -> None:
    bench = Bench(house)
    assert [(await hear(bench, number)).state for number in range(2)] == [TaskState.GRANTED] * 2
    task = await hear(bench, 2)
    assert (task.state, task.due_at_us) == (TaskState.READY, tomorrow_us(house))
    assert "no posts are left in agent:" in task.reason and "the next window opens at" in task.reason
    assert await counted(house) == (2, 0)
    told = [msgspec.json.decode(link.body, type=Event) for link in await house.manager.links("manager-0")]
    assert [one.data["why"] for one in told if one.kind is EventKind.TASK_POSTPONED] == [task.reason]


async def test_a_manager_that_starts_anew_has_forgotten_nothing(house: SmallHouse) -> None:
    assert [(await hear(Bench(house))).state for _ in range(3)] == [
        TaskState.GRANTED, TaskState.GRANTED, TaskState.READY,
    ]  # fmt: skip


async def test_tomorrow_it_goes_out(house: SmallHouse) -> None:
    bench = Bench(house)
    for number in range(3):
        await hear(bench, number)
    house.clock.advance((tomorrow_us(house) - house.clock.now_us()) / 1_000_000)
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, draft=another(2)))
    assert (await house.manager.get(Task, leased.id)).state is TaskState.GRANTED


async def test_a_quota_that_a_person_sets_counts_from_then_on(house: SmallHouse) -> None:
    bench = Bench(house)
    assert (await hear(bench)).state is TaskState.GRANTED
    await house.set_cap("platform:sandbox", "posts-hour", 0)
    house.clock.advance(2)
    task = await hear(bench, 1)
    assert task.state is TaskState.READY
    assert "platform:sandbox|posts-hour" in task.reason
    assert task.due_at_us == (house.clock.now_us() // HOUR_US + 1) * HOUR_US


async def test_performed_it_is_spent_and_refused_it_is_given_back(house: SmallHouse) -> None:
    house.quotas = (f"agent:{house.agent.id}|posts-day|2026-11-21",)
    granted = await house.grant(a_post(cost_micros=0))
    assert await counted(house) == (1, 0)
    await house.settle.finish(granted, await house.effects().perform(granted.grant.id))
    assert await counted(house) == (0, 1)
    await house.settle.lapse(await house.grant(a_post(cost_micros=0)), None, why="a test", again=False)
    assert await counted(house) == (0, 1)
    assert await house.manager.count(Hold) == {"captured": 1, "released": 1}
    assert all(hold.amount_micros == 0 and hold.windows == () for hold in await house.manager.list(Hold))


async def test_what_a_person_approved_waits_for_the_window_and_then_goes_out(house: SmallHouse) -> None:
    await house.change_agent(schedule=Schedule(posts_per_day_max=0))
    after = Afterwards(house)
    review = await house.escalate(a_post(cost_micros=0))
    await after.reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
    await after.rounds(2)
    task = await house.manager.get(Task, review.task_id)
    assert task.state is TaskState.HELD, "neither refused nor granted"
    await house.change_agent(schedule=Schedule(posts_per_day_max=1))
    await house.set_cap(f"agent:{house.agent.id}", "posts-day", 1)
    await after.rounds(1)
    assert (await house.manager.get(Task, review.task_id)).state is TaskState.HELD, "it is not looked at all the time"
    house.clock.advance(31)
    await after.rounds(2)
    assert len(await house.manager.list(Grant)) == 1
    assert after.kinds() == ["post.publish"]


async def read_in_vain(house: SmallHouse, *, full_window: str) -> Task:
    """A worker that hands in that a network's calls are used up."""
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    await bench.hand_in(
        Result(task_id=leased.id, task_version=leased.version, failure="no calls", full_window=full_window)
    )
    return await house.manager.get(Task, task.id)


def calls_of_the_hour(house: SmallHouse) -> str:
    hour = datetime.fromtimestamp(house.clock.now_us() // 1_000_000, UTC).strftime("%Y-%m-%dT%HZ")
    return f"platform:sandbox|calls-hour|{hour}"


async def test_work_that_may_not_read_any_more_waits_for_the_next_window(house: SmallHouse) -> None:
    window = calls_of_the_hour(house)
    await house.set_cap("platform:sandbox", "calls-hour", 10)
    await house.manager.commit(change(movements=(Movement(windows=(window,), hold_micros=8),)))
    task = await read_in_vain(house, full_window=window)
    assert (task.state, task.due_at_us) == (TaskState.READY, (house.clock.now_us() // HOUR_US + 1) * HOUR_US)
    assert task.reason.startswith(f"no calls are left in {window}")


@pytest.mark.parametrize("taken", [0, 7])
async def test_a_worker_is_not_believed_that_a_window_is_full(house: SmallHouse, taken: int) -> None:
    window = calls_of_the_hour(house)
    await house.set_cap("platform:sandbox", "calls-hour", 10)
    await house.manager.commit(change(movements=(Movement(windows=(window,), hold_micros=taken),)))
    task = await read_in_vain(house, full_window=window)
    assert (task.reason, task.due_at_us < house.clock.now_us() + 60_000_000) == ("no calls", True)


@pytest.mark.requirement("R-A7")
@pytest.mark.parametrize("is_own", [True, False])
async def test_what_another_agent_has_used_up_lets_nobody_elses_work_wait(house: SmallHouse, is_own: bool) -> None:
    """A worker that was taken over names a window that is full indeed, and has nothing to do with its task."""
    owner = f"agent:{house.agent.id if is_own else '0197a000-0000-7000-8000-000000000000'}"
    window = calls_of_the_hour(house).replace("platform:sandbox", owner)
    await house.set_cap(owner, "calls-hour", 10)
    await house.manager.commit(change(movements=(Movement(windows=(window,), hold_micros=8),)))
    assert (await read_in_vain(house, full_window=window)).reason.startswith("no calls are left") is is_own


@pytest.mark.parametrize("claimed", ["", "nothing", "fleet|day|2026-11-21", "platform:x|calls-hour|never"])
async def test_a_window_that_is_none_postpones_nothing(house: SmallHouse, claimed: str) -> None:
    assert (await read_in_vain(house, full_window=claimed)).reason == "no calls"
