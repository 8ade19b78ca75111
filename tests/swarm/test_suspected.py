"""What lost leases goes few at once: whoever ends its process is found, and no neighbour is given up for it."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemClock
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.ports.clock import Clock
from chimera.swarm.claiming import LEASE_SECONDS
from chimera.swarm.court import Court
from chimera.swarm.forsaking import LEASES_LOST_MAX
from chimera.swarm.leased import Leased
from chimera.swarm.manager import Manager, Stages
from chimera.swarm.suspected import Suspected, together_max
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples
from tests.small_house import CONTRACTS, GATE, PROMPTS, TEXT, SmallHouse, a_post
from tests.small_work import SayingModel, draft
from tests.swarm.test_hearing import Bench, HandedIn

pytestmark = pytest.mark.requirement("R-A2", "R-A4", "R-A6")


SAMPLES = Samples()


def leased(clock: Clock, *lost: int, samples: Samples = SAMPLES) -> list[Task]:
    """Tasks that are leased now and have lost so many leases before."""
    until_us = clock.now_us() + round(LEASE_SECONDS * 1_000_000)
    return [replace(samples.task(), state=TaskState.LEASED, due_at_us=until_us, leases_lost=count) for count in lost]


def test_half_as_many_go_together_after_each_lease_that_was_lost_and_at_last_one() -> None:
    assert [together_max(lost) for lost in range(1, LEASES_LOST_MAX)] == [128, 64, 32, 16, 8, 4, 2, 1, 1]


def test_what_lost_nothing_goes_whatever_is_under_way_and_those_who_lost_least_go_first() -> None:
    clock = ManualClock()
    suspected = Suspected(clock)
    first, fresh, second, third = leased(clock, 8, 0, 7, 7)
    assert suspected.few_of([fresh]) == [fresh]
    assert suspected.few_of([first, fresh, second, third]) == [fresh, second, third]
    assert suspected.few_of([first, fresh]) == [fresh], "it goes alone"
    suspected.over(second.id)
    assert suspected.few_of([first]) == []
    suspected.over(third.id)
    assert suspected.few_of([first]) == [first]
    assert suspected.few_of(leased(clock, 1)) == [], "nobody goes beside it"
    clock.advance(LEASE_SECONDS)
    assert len(suspected.few_of(leased(clock, 1))) == 1, "its lease is over: whoever leases it next counts it anew"


def test_what_waits_comes_back_in_its_turn_however_many_there_are() -> None:
    clock = ManualClock()
    suspected = Suspected(clock)
    due = [suspected.back_us(0) for _ in range(64)]
    assert due == sorted(set(due))
    assert 1_000_000 <= due[-1] <= 1_300_000
    assert suspected.back_us(60_000_000) < 60_300_000, "nobody waits for those who have gone"
    for task in leased(clock, *[1] * 30):
        assert suspected.few_of([task])
        clock.advance(1)
        suspected.over(task.id)
    first, second = suspected.back_us(90_000_000), suspected.back_us(90_000_000)
    assert 400_000 <= second - first <= 600_000, "of those under way one ends each second: looked at twice a second"
    assert suspected.few_of(leased(clock, 8))
    clock.advance(9)
    first, second = suspected.back_us(190_000_000), suspected.back_us(190_000_000)
    assert 4_000_000 <= second - first <= 5_000_000, "none has ended for long: looked at ever less"
    for _ in range(100):
        assert suspected.back_us(190_000_000) <= 250_000_000, "and none waits for longer than a minute"


@settings(deadline=None, max_examples=60)
@given(data=st.data(), count=st.integers(2, 300), at_once=st.integers(1, 300))
def test_whoever_ends_its_process_is_given_up_and_no_neighbour(data: st.DataObject, count: int, at_once: int) -> None:
    """In any order, with any number of guilty ones: a round is one life of a process."""
    guilty = data.draw(st.sets(st.integers(0, count - 1), max_size=5))
    dice = data.draw(st.randoms(use_true_random=False))
    left, given_up = dict.fromkeys(range(count), 0), set[int]()
    for _ in range(LEASES_LOST_MAX * (len(guilty) + 1)):
        life(left, given_up, guilty, at_once=at_once, shuffle=dice.shuffle)
    assert given_up == guilty
    assert left == {}


def life(left: dict[int, int], given_up: set[int], guilty: set[int], *, at_once: int, shuffle: object) -> None:
    """Leases tasks until one of them ends it; whatever finishes before that is innocent."""
    clock = ManualClock()
    suspected = Suspected(clock)
    while left:
        numbers = list(left)
        assert callable(shuffle)
        shuffle(numbers)
        made = leased(clock, *(left[one] for one in numbers))
        by_id = {task.id: number for task, number in zip(made, numbers, strict=True)}
        going = {by_id[task.id] for task in suspected.few_of(made[:at_once])}
        if going & guilty:
            for one in going:
                left[one] += 1
                if left[one] >= LEASES_LOST_MAX:
                    given_up.add(one)
                    del left[one]
            return
        for one in going:
            del left[one]
        for task_id in by_id:
            suspected.over(task_id)


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def test_what_waits_for_others_is_given_back_without_a_try_and_without_a_lost_lease(house: SmallHouse) -> None:
    bench = Bench(house)
    tasks = [await house.a_task(state=TaskState.READY, attempt=0, leases_lost=8) for _ in range(3)]
    assert await bench.claiming.once()
    (sent,) = bench.dispatch.sent
    for task in tasks:
        found = await house.manager.get(Task, task.id)
        assert (found.state, found.attempt, found.leases_lost) == (
            (TaskState.LEASED, 1, 8) if task.id == sent.task.id else (TaskState.READY, 0, 8)
        )
    house.clock.advance(1)
    await bench.claiming.once()
    assert len(bench.dispatch.sent) == 1, "it is still under way"
    await bench.hand_in(bench.result_of(draft(TEXT, action=a_post())))
    house.clock.advance(1)
    await bench.claiming.once()
    assert len(bench.dispatch.sent) == 2, "it has finished: the next one goes"


async def test_whoever_ends_in_order_gives_back_what_he_has_and_no_lease_is_lost(house: SmallHouse) -> None:
    """What is in work, and what is being heard. Somebody else goes on with it at once, as if nobody had had it."""
    bench = Bench(house)
    tasks = [await house.a_task(state=TaskState.READY, attempt=0) for _ in range(3)]
    await bench.claiming.once()
    await bench.hand_in(bench.result_of(draft(TEXT, action=a_post())))
    last = bench.dispatch.sent[-1].task.id
    await bench.leased.give_back()
    await bench.leased.give_back()
    for task in tasks:
        found = await house.manager.get(Task, task.id)
        expected = (TaskState.GRANTED, 1) if task.id == last else (TaskState.READY, 0)
        assert (found.state, found.attempt) == expected
    again = await house.manager.claim(shards=range(256), limit=9, lease_seconds=60)
    assert [(task.attempt, task.leases_lost) for task in again] == [(1, 0), (1, 0)]


async def test_what_has_ended_meanwhile_keeps_nothing_else_from_being_given_back(house: SmallHouse) -> None:
    clock = house.clock
    ours = Leased(store=house.manager, clock=clock)
    tasks = [await house.a_task(state=TaskState.READY, attempt=0) for _ in range(2)]
    gone, kept = await house.manager.claim(shards=range(256), limit=2, lease_seconds=60)
    ours.take((gone, kept))
    await house.put(replace(gone, version=gone.version + 1, state=TaskState.DROPPED), by=Role.MANAGER)
    await ours.give_back()
    states = {task.id: (await house.manager.get(Task, task.id)).state for task in tasks}
    assert states == {gone.id: TaskState.DROPPED, kept.id: TaskState.READY}


class Breaking(HandedIn):
    """Hands nothing in, and breaks whoever waits for it once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.breaks = asyncio.Event()

    async def results(self) -> tuple[Result, ...]:
        await self.breaks.wait()
        raise RuntimeError("what it worked on has broken it")


def a_manager(house: SmallHouse, dispatch: Breaking) -> Manager:
    planner = Planner(model=SayingModel(""), contracts=CONTRACTS, prompt=PROMPTS["plan"], store=house.manager,
                      clock=house.clock, ids=house.ids, costs=house.plan_costs())  # fmt: skip
    court = Court(judge=Judge(model=SayingModel(""), contracts=CONTRACTS, prompt=PROMPTS["judge"]), gate=GATE,
                  treasury=Treasury(), contracts=CONTRACTS, clock=house.clock)  # fmt: skip
    stages = Stages(planner=planner, court=court, sealing=house.sealing, settle=house.settle, effects=house.effects())
    return Manager(stages=stages, store=house.manager, dispatch=dispatch, clock=house.clock)


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_manager_that_is_told_to_end_gives_back_and_one_that_breaks_does_not(*, breaks: bool) -> None:
    """What broke it may be what it worked on: that lease is lost."""
    house = await SmallHouse(clock=SystemClock()).open()
    task, dispatch = await house.a_task(state=TaskState.READY, attempt=0), Breaking()
    running = asyncio.create_task(a_manager(house, dispatch).run())
    async with asyncio.timeout(10):
        while not dispatch.sent:
            await asyncio.sleep(0.01)
    if breaks:
        dispatch.breaks.set()
    else:
        running.cancel()
    (ended,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(ended, ExceptionGroup if breaks else asyncio.CancelledError)
    found = await house.manager.get(Task, task.id)
    assert (found.state, found.leases_lost) == (TaskState.LEASED if breaks else TaskState.READY, 0)
