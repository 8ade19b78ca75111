"""What one task cost, and so what it made: models and acts, whether the models' cost was held or metered."""

from __future__ import annotations

import pytest

from chimera.domain.budget import Hold
from chimera.domain.change import Change
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


async def test_each_task_of_a_campaign_has_its_own_cost(house: SmallHouse) -> None:
    bench = Bench(house, models_cost=True)
    for text, cost in ((TEXT, 300), (f"Who plays the healer tonight? {DISCLOSURE}", 500)):
        await bench.hear(draft(text, action=a_post(text)), cost=cost)
    found = await task_costs(house.manager, house.campaign.id)
    assert [one.model_micros for one in found] == [800, 1_000]
    first = (await house.manager.list(Task, scope=house.campaign.id))[0]
    assert [one.model_micros for one in await task_costs(house.manager, house.campaign.id, after=first.id)] == [1_000]
