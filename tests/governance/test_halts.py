"""The kill switch: after its row is committed nothing begins in its scope; lifting it lets exactly that scope go on."""

from __future__ import annotations

import asyncio

import pytest

from chimera.domain import scopes
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.halt import Halt, HaltState
from chimera.domain.task import TaskState
from chimera.governance.halts import Halts
from tests.small_house import OLGA, OTTO, PERMITS, SmallHouse, somebody

pytestmark = pytest.mark.requirement("R-A6", "R-E5")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def halts(house: SmallHouse) -> Halts:
    return Halts(store=house.office, ids=house.ids, permits=PERMITS)


def places(house: SmallHouse) -> list[str]:
    return [scopes.FLEET, scopes.campaign(house.campaign.id), scopes.agent(house.agent.id)]


async def leased(house: SmallHouse) -> int:
    return len(await house.manager.claim(shards=range(64), limit=10, lease_seconds=120))


async def test_nothing_is_leased_in_a_halted_scope(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    for scope in places(house):
        await halts.halt(scope, by=OTTO, reason="a look")
        assert await leased(house) == 0
        await halts.resume(scope, by=OTTO)
    assert await leased(house) == 1


async def test_another_scope_goes_on(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    for scope in ("platform:elsewhere", scopes.agent(house.ids.new()), scopes.campaign(house.ids.new())):
        await halts.halt(scope, by=OTTO, reason="a look")
    assert await leased(house) == 1


async def test_one_halt_at_a_time(house: SmallHouse, halts: Halts) -> None:
    await halts.halt("fleet", by=OTTO, reason="a look")
    with pytest.raises(Conflict):
        await halts.halt("fleet", by=OLGA, reason="me too")
    lifted = await halts.resume("fleet", by=OLGA)
    assert (lifted.state, lifted.by, lifted.lifted_by) == (HaltState.LIFTED, "otto", "olga")
    with pytest.raises(Missing):
        await halts.resume("fleet", by=OLGA)


async def test_twelve_who_halt_at_once_leave_it_halted_and_liftable(house: SmallHouse, halts: Halts) -> None:
    people = [somebody(f"p{n}", "operator") for n in range(12)]
    await asyncio.gather(*(halts.halt("fleet", by=one, reason="now") for one in people), return_exceptions=True)
    assert await house.office.halted() == {"fleet"}
    while await house.office.list(Halt, states=("active",)):
        await halts.resume("fleet", by=OLGA)
    assert await house.office.halted() == frozenset()


@pytest.mark.parametrize("scope", ["", "planet", "agent:", "fleet:1"])
async def test_what_is_no_scope(halts: Halts, scope: str) -> None:
    with pytest.raises(Invalid):
        await halts.halt(scope, by=OTTO, reason="a look")


async def test_a_reason_that_cannot_be_recorded(halts: Halts) -> None:
    with pytest.raises(Invalid):
        await halts.halt("fleet", by=OTTO, reason="a\x00b")
