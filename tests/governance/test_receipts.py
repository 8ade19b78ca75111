"""What came in is booked once, for the campaign and the post that earned it, at a rate that two sources agree on."""

from __future__ import annotations

import pytest

from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import EventKind
from chimera.domain.revenue import Revenue, revenue_id
from chimera.governance.exchange import Exchange
from chimera.governance.receipts import Receipts
from chimera.ports.ledger import CategoryCost
from tests.adapters.rates.test_rates import Says
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-B5", "R-E7")
EURO = 1_080_000


class Books:
    """Implements `ports.ledger.Costs`: what this campaign spent, and another."""

    def __init__(self, house: SmallHouse) -> None:
        self.at_us = 0
        self._own, self._other = f"campaign:{house.campaign.id}", f"campaign:{house.ids.new()}"

    async def newest_us(self) -> int:
        return self.at_us

    async def costs(self) -> tuple[CategoryCost, ...]:
        return (
            CategoryCost(owner=self._own, category="compute", micros=12_000_000, entries=3),
            CategoryCost(owner=self._own, category="api", micros=9_999_999, entries=1),
            CategoryCost(owner=self._other, category="travel", micros=50_000_000, entries=1),
        )


class Office:
    """A house whose campaign earns."""

    def __init__(self, house: SmallHouse, *rates: int) -> None:
        self.house = house
        sources = [Says(str(n), rate, house.clock.now_us()) for n, rate in enumerate(rates)]
        self.books = Books(house)
        self.receipts = Receipts(store=house.office, books=self.books,
                                 exchange=Exchange(sources=sources, clock=house.clock))  # fmt: skip

    async def book(
        self, reference: str = "INV-1", *, campaign: str = "", task_id: str = "", currency: str = "USD",
        source: str = "invoice", category: str = "",
    ) -> Revenue:  # fmt: skip
        earner = campaign or self.house.campaign.id
        given = Revenue(
            id=revenue_id(source, reference, earner), source=source, category=category, reference=reference,
            campaign_id=earner, task_id=task_id, currency=currency, micros=10_000_000, received_micros=10_000_000,
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


async def test_what_comes_back_was_spent_there_once(house: SmallHouse) -> None:
    office = Office(house)
    for category in ("api", "travel", "nothing", "revenue"):
        with pytest.raises(Invalid, match="this campaign spent compute") as refused:
            await office.book(source="refund", category=category)
        assert refused.value.code == "refund_of_nothing"
    assert await house.office.list(Revenue) == ()
    assert (await office.book(source="refund", category="compute")).micros == 10_000_000


async def test_a_clock_that_was_set_back_books_nothing(house: SmallHouse) -> None:
    office = Office(house)
    office.books.at_us = house.clock.now_us()
    house.clock.advance(-3_600)
    with pytest.raises(Refused, match="before the newest booking") as refused:
        await office.book()
    assert refused.value.code == "clock_set_back"
    assert await house.office.list(Revenue) == ()
    house.clock.advance(3_600)
    assert (await office.book()).micros == 10_000_000
