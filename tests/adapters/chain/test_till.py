"""What a seller is paid becomes revenue, once."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.chain.seller import Receipt
from chimera.adapters.chain.till import Till
from chimera.domain.errors import Conflict, Invalid
from chimera.domain.revenue import Revenue
from chimera.domain.roles import Role
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-E2", "R-E4")
PAID = Receipt(
    source=f"x402:eip155:137:0x{'a' * 40}:0x{'b' * 40}:0x{'c' * 64}", network="eip155:137", transaction="0x1",
    payer="0x2", recipient="0x3", asset="0x4", units="12345", resource="http://127.0.0.1/weather",
)  # fmt: skip


async def test_a_receipt_is_booked_once_however_often_it_is_told() -> None:
    house = await SmallHouse().open()
    till = Till(store=house.office, campaign_id=house.campaign.id)
    await till.note(PAID)
    house.clock.advance(5)
    await till.note(PAID)
    (booked,) = await house.office.list(Revenue, scope=house.campaign.id)
    assert (booked.source, booked.reference, booked.micros) == ("x402", PAID.source, 12_345)
    await till.note(replace(PAID, source=f"{PAID.source[:-1]}d"))
    assert len(await house.office.list(Revenue, scope=house.campaign.id)) == 2


async def test_a_till_that_lost_its_place_does_not_say_that_it_booked() -> None:
    house = await SmallHouse().open()
    old = house.store("office-7", Role.OFFICE)
    await Till(store=old, campaign_id=house.campaign.id).note(PAID)
    await Till(store=house.store("office-7", Role.OFFICE), campaign_id=house.campaign.id).note(
        replace(PAID, source="x402:b")
    )
    with pytest.raises(Conflict):
        await Till(store=old, campaign_id=house.campaign.id).note(replace(PAID, source="x402:c"))


@pytest.mark.parametrize("units", ["0", "-1", "1.5", ""])
async def test_no_amount_is_no_revenue(units: str) -> None:
    house = await SmallHouse().open()
    with pytest.raises(Invalid):
        await Till(store=house.office, campaign_id=house.campaign.id).note(replace(PAID, units=units))
    assert await house.office.list(Revenue) == ()
