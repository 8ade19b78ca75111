"""Money for models: set aside before they are asked, captured with the result, given back after a crash."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from chimera.domain import scopes
from chimera.domain.budget import MODEL_CALLS, Hold, Window
from chimera.domain.event import Event, EventKind
from chimera.domain.task import Task, TaskState
from chimera.pipeline.judge import JUDGE_COST_MICROS_MAX
from chimera.swarm.claiming import LEASE_SECONDS
from tests.small_house import SPECS, TEXT, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-E2", "R-B5")
MOST_MICROS = SPECS["copy.post"].limits.cost_micros_max + JUDGE_COST_MICROS_MAX


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def leased(house: SmallHouse, bench: Bench) -> Task:
    """A task that was claimed, and for which nothing has come yet."""
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    return await house.manager.get(Task, task.id)


async def window(house: SmallHouse) -> Window:
    found = await house.manager.windows((f"{scopes.campaign(house.campaign.id)}|total|total",))
    return found[0]


async def holds(house: SmallHouse) -> list[Hold]:
    return [one for one in await house.manager.list(Hold) if one.category == MODEL_CALLS]


async def test_money_is_set_aside_before_the_worker_has_the_task(house: SmallHouse) -> None:
    bench = Bench(house, models_cost=True)
    task = await leased(house, bench)
    assert [one.task.id for one in bench.dispatch.sent] == [task.id]
    assert ((await window(house)).held_micros, (await window(house)).spent_micros) == (MOST_MICROS, 0)
    (hold,) = await holds(house)
    assert (hold.state, hold.amount_micros, hold.task_id) == ("held", MOST_MICROS, task.id)


async def test_what_it_did_cost_is_captured_and_the_rest_goes_back(house: SmallHouse) -> None:
    task = await Bench(house, models_cost=True).hear(draft(TEXT, action=a_post()), cost=500)
    assert task.state is TaskState.GRANTED
    found = await window(house)
    # 500 for the worker's answer and 500 for the judge's; what is held is held for the post.
    assert (found.held_micros, found.spent_micros, found.overrun_micros) == (1_000, 1_000, 0)
    assert [(one.state, one.captured_micros) for one in await holds(house)] == [("captured", 1_000)]


async def test_work_that_failed_costs_what_it_cost_and_holds_nothing(house: SmallHouse) -> None:
    await Bench(house, models_cost=True).hear(None, failure="no answer came", cost=300)
    found = await window(house)
    assert (found.held_micros, found.spent_micros) == (0, 300)


async def test_what_costs_more_than_was_set_aside_is_late_cost(house: SmallHouse) -> None:
    await house.set_cap(scopes.agent(house.agent.id), "day", MOST_MICROS)
    await Bench(house, models_cost=True).hear(None, failure="too dear", cost=MOST_MICROS + 77)
    day = next(one for one in await house.manager.windows() if one.id.startswith(f"{scopes.agent(house.agent.id)}|day"))
    assert (day.held_micros, day.spent_micros, day.overrun_micros) == (0, MOST_MICROS, 77)


async def test_without_room_nobody_is_asked_and_nothing_is_held(house: SmallHouse) -> None:
    await house.set_cap(scopes.agent(house.agent.id), "day", MOST_MICROS - 1)
    bench = Bench(house, models_cost=True)
    task = await leased(house, bench)
    assert bench.dispatch.sent == []
    assert task.state is TaskState.READY
    assert "no money for models" in task.reason
    assert await holds(house) == []


async def test_a_refused_one_fails_alone(house: SmallHouse) -> None:
    await house.set_cap(scopes.agent(house.agent.id), "day", 2 * MOST_MICROS + 1)
    bench = Bench(house, models_cost=True)
    for _ in range(3):
        await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    assert len(bench.dispatch.sent) == 2
    assert (await window(house)).held_micros == 2 * MOST_MICROS


async def test_what_a_crash_leaves_behind_is_given_back_when_it_expires(house: SmallHouse) -> None:
    await leased(house, Bench(house, models_cost=True))
    successor = Bench(house, models_cost=True)
    await successor.reserving.release_expired()
    assert (await window(house)).held_micros == MOST_MICROS
    house.clock.advance(3_600)
    await successor.reserving.release_expired()
    assert (await window(house)).held_micros == 0
    assert [one.state for one in await holds(house)] == ["released"]


async def test_what_was_set_aside_for_a_lost_lease_goes_to_the_next_one(house: SmallHouse) -> None:
    """With room for one try alone: the task is worked on all the same, and nothing is set aside twice."""
    await house.set_cap(scopes.agent(house.agent.id), "day", MOST_MICROS)
    task = await leased(house, Bench(house, models_cost=True))
    house.clock.advance(LEASE_SECONDS + 1)
    successor = Bench(house, models_cost=True)
    await successor.claiming.once()
    assert [one.task.id for one in successor.dispatch.sent] == [task.id]
    assert (await window(house)).held_micros == MOST_MICROS
    assert sorted(one.state for one in await holds(house)) == ["held", "released"]
    await successor.hand_in(successor.result_of(draft(TEXT, action=a_post()), cost=500))
    assert (await window(house)).spent_micros == 1_000


async def test_what_somebody_else_gave_back_meanwhile_stands_in_nobodys_way(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leased(house, Bench(house, models_cost=True))
    house.clock.advance(LEASE_SECONDS + 1)
    successor, before = Bench(house, models_cost=True), await house.manager.list(Hold)

    async def as_before(_kind: type[Hold], _scopes: Sequence[str]) -> tuple[Hold, ...]:
        """Read before it was given back."""
        house.clock.advance(3_600)
        await Bench(house, models_cost=True).reserving.release_expired()
        return before

    monkeypatch.setattr(house.manager, "list_of", as_before)
    await successor.claiming.once()
    assert len(successor.dispatch.sent) == 1
    assert (await window(house)).held_micros == MOST_MICROS


async def test_whoever_ends_in_order_gives_back_what_was_set_aside(house: SmallHouse) -> None:
    bench = Bench(house, models_cost=True)
    task = await leased(house, bench)
    await bench.leased.give_back()
    assert (await house.manager.get(Task, task.id)).state is TaskState.READY
    assert (await window(house)).held_micros == 0
    assert [one.state for one in await holds(house)] == ["released"]
    links = await house.manager.links("manager-0")
    told = [msgspec.json.decode(link.body, type=Event).kind for link in links[-2:]]
    assert told == [EventKind.TASK_POSTPONED, EventKind.MODEL_COST_RELEASED]


async def test_where_models_cost_nothing_nothing_is_set_aside(house: SmallHouse) -> None:
    await Bench(house).hear(draft(TEXT, action=a_post()))
    assert await holds(house) == []
