"""What one task cost, and so what it made: models and acts, whether the models' cost was held or metered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera.domain.budget import Hold
from chimera.domain.change import Change
from chimera.domain.costing import GIGABYTE, hold_ids, storage_micros
from chimera.domain.draft import Call
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant
from chimera.domain.task import Task
from chimera.governance.costing import task_cost, task_costs
from tests.small_house import DISCLOSURE, TEXT, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-B5", "R-B6", "R-L3")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.mark.parametrize("models_cost", [True, False])
async def test_a_task_costs_its_models_and_its_act(house: SmallHouse, models_cost: bool) -> None:
    heard = await Bench(house, models_cost=models_cost).hear(draft(TEXT, action=a_post()), cost=500)
    before = await task_cost(house.manager, heard)
    assert (before.model_micros, before.paid_micros, before.held_micros) == (1_000, 0, 1_000)
    grant = await house.manager.get(Grant, heard.grant_id or "")
    hold, movements = (await house.manager.get(Hold, grant.hold_id or "")).captured(1_000)
    event = Event(kind=EventKind.TASK_SETTLED, subject=heard.id, at_us=1)
    await house.manager.commit(Change(records=(hold,), events=(event,), movements=movements))
    cost = await task_cost(house.manager, heard)
    assert (cost.model_micros, cost.paid_micros, cost.total_micros, cost.held_micros) == (1_000, 1_000, 2_000, 0)
    assert (cost.task_type, cost.categories) == ("copy.post", {"platform_fee": 1_000})


async def test_tools_and_what_is_kept_of_media_are_costs_of_their_own(house: SmallHouse) -> None:
    besides = tuple(
        Call(kind="tool", name=name, request_digest="", answer="", cost_micros=micros)
        for name, micros in (("card", 70), ("weather", 20), ("archive", 3), ("free", 0))
    )
    heard = await Bench(house, models_cost=True).hear(draft(TEXT, action=a_post()), cost=500, besides=besides)
    cost = await task_cost(house.manager, heard)
    assert (cost.model_micros, cost.categories) == (1_000, {"storage": 70, "tools": 23})
    assert (cost.paid_micros, cost.total_micros) == (93, 1_093)
    (hold,) = [one for one in await house.manager.get_many(Hold, tuple(hold_ids(heard))) if one.captured_micros]
    assert (hold.captured_micros, hold.captured_parts) == (1_093, {"storage": 70, "tools": 23})


@given(st.integers(0, 10**12), st.integers(0, 10**9))
def test_bytes_cost_what_they_cost_rounded_up(stored_bytes: int, price: int) -> None:
    micros = storage_micros(stored_bytes, gigabyte_micros=price)
    assert (micros - 1) * GIGABYTE < stored_bytes * price <= micros * GIGABYTE


async def test_each_task_of_a_campaign_has_its_own_cost(house: SmallHouse) -> None:
    bench = Bench(house, models_cost=True)
    for text, cost in ((TEXT, 300), (f"Who plays the healer tonight? {DISCLOSURE}", 500)):
        await bench.hear(draft(text, action=a_post(text)), cost=cost)
    found = await task_costs(house.manager, house.campaign.id)
    assert [one.model_micros for one in found] == [800, 1_000]
    first = (await house.manager.list(Task, scope=house.campaign.id))[0]
    assert [one.model_micros for one in await task_costs(house.manager, house.campaign.id, after=first.id)] == [1_000]
