"""What came in is booked once, for the campaign and the post that earned it, at a rate that two sources agree on."""

from __future__ import annotations

import pytest

from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import EventKind
from chimera.domain.revenue import Revenue, revenue_id
from chimera.governance.exchange import Exchange
from chimera.governance.receipts import Receipts
from tests.adapters.rates.test_rates import Says
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-B5", "R-E7")
EURO = 1_080_000


class Office:
    """A house whose campaign earns."""

    def __init__(self, house: SmallHouse, *rates: int) -> None:
        self.house = house
        sources = [Says(str(n), rate, house.clock.now_us()) for n, rate in enumerate(rates)]
        self.receipts = Receipts(store=house.office, exchange=Exchange(sources=sources, clock=house.clock))

    async def book(
        self, reference: str = "INV-1", *, campaign: str = "", task_id: str = "", currency: str = "USD"
    ) -> Revenue:
        earner = campaign or self.house.campaign.id
        given = Revenue(
            id=revenue_id("invoice", reference, earner), source="invoice", reference=reference, campaign_id=earner,
            task_id=task_id, currency=currency, micros=10_000_000, received_micros=10_000_000,
            at_us=self.house.clock.now_us(),
        )  # fmt: skip
        return await self.receipts.book(given, by="olga")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def test_it_is_booked_for_its_campaign_and_post(house: SmallHouse) -> None:
    task = await house.a_task()
    booked = await Office(house).book(task_id=task.id)
    assert await house.office.list(Revenue, scope=house.campaign.id) == (booked,)
    assert (booked.micros, booked.rate_millionths, booked.task_id) == (10_000_000, 1_000_000, task.id)
    told = (await house.office.links("office-0"))[-1].body
    assert EventKind.REVENUE_BOOKED.encode() in told and task.id.encode() in told and b"olga" in told


async def test_it_is_booked_once(house: SmallHouse) -> None:
    office = Office(house)
    await office.book()
    with pytest.raises(Conflict, match="is booked already"):
        await office.book()
    await office.book("INV-2")
    assert len(await house.office.list(Revenue)) == 2


async def test_another_currency_stands_beside_its_rate(house: SmallHouse) -> None:
    booked = await Office(house, EURO, EURO + 1).book(currency="EUR")
    assert (booked.micros, booked.received_micros, booked.rate_millionths) == (10_800_000, 10_000_000, EURO)


@pytest.mark.parametrize("rates", [(), (EURO,), (EURO, 2 * EURO)])
async def test_without_a_rate_nothing_is_booked(house: SmallHouse, rates: tuple[int, ...]) -> None:
    with pytest.raises(Refused):
        await Office(house, *rates).book(currency="EUR")
    assert await house.office.list(Revenue) == ()


async def test_what_one_campaign_earned_is_not_counted_to_another(house: SmallHouse) -> None:
    elsewhere = await house.a_task(campaign_id=house.ids.new())
    with pytest.raises(Invalid, match="another campaign's"):
        await Office(house).book(task_id=elsewhere.id)
    with pytest.raises(Missing):
        await Office(house).book(task_id=house.ids.new())
    with pytest.raises(Missing):
        await Office(house).book(campaign=house.ids.new())
    assert await house.office.list(Revenue) == ()
