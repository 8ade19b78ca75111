"""Books money that came in, or came back, for a campaign and the post that earned it. Once for each receipt."""

from __future__ import annotations

import msgspec

from chimera.domain import scopes
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.money import format_micros
from chimera.domain.revenue import REFUND, Revenue, require_revenue
from chimera.domain.task import Task
from chimera.governance.exchange import Exchange
from chimera.ports.ledger import Costs
from chimera.ports.store import Store

SET_BACK_US = 60_000_000


class Receipts:
    """Writes as the office. The ledger's entries are the database's own work."""

    def __init__(self, *, store: Store, books: Costs, exchange: Exchange) -> None:
        self._store = store
        self._books = books
        self._exchange = exchange

    async def book(self, given: Revenue, *, by: str) -> Revenue:
        """In the fleet's currency, at a rate that two sources agree on, stored beside it."""
        require_revenue(given)
        await self._require_time()
        worth = await self._exchange.incoming(given.received_micros, given.currency)
        await self._require_earned(given)
        await self._require_spent(given, worth.micros)
        booked = msgspec.structs.replace(
            given, micros=worth.micros, rate_millionths=worth.rate_millionths, rate_at_us=worth.rate_at_us
        )
        try:
            await self._store.commit(Change(records=(booked,), events=(await self._told(booked, by),)))
        except Conflict as error:
            raise Conflict("revenue_known", f"{booked.source} {booked.reference} is booked already", where="reference",
                           remedy="one receipt is booked once") from error  # fmt: skip
        return booked

    async def _require_time(self) -> None:
        """After what is booked already: a clock that was set back would write the books in another order."""
        if await self._store.now_us() < await self._books.newest_us() - SET_BACK_US:
            raise Refused("clock_set_back", "the clock shows a time before the newest booking", where="clock",
                          remedy="set the clock right")  # fmt: skip

    async def _require_earned(self, given: Revenue) -> None:
        """A campaign that there is, and a post of that campaign: what one earned is not counted to another."""
        await self._store.get(Campaign, given.campaign_id)
        if given.task_id and (await self._store.get(Task, given.task_id)).campaign_id != given.campaign_id:
            raise Invalid("revenue_post_elsewhere", "this post is another campaign's", where="post",
                          remedy="name the campaign whose post earned it")  # fmt: skip

    async def _require_spent(self, given: Revenue, micros: int) -> None:
        """What comes back was spent there once: an invented category, or more than that, would falsify every return."""
        if given.source != REFUND:
            return
        owner = scopes.campaign(given.campaign_id)
        spent = {one.category: one.micros for one in await self._books.costs() if one.owner == owner}
        if micros > spent.get(given.category, 0):
            told = ", ".join(f"{name} {format_micros(cost)}" for name, cost in spent.items() if cost > 0)
            less = f"less than {format_micros(micros)} was spent on {given.category[:40]!r}"
            raise Invalid("refund_of_nothing", less, where="category",
                          remedy=f"this campaign spent {told or 'nothing'}")  # fmt: skip

    async def _told(self, booked: Revenue, by: str) -> Event:
        data = {"source": booked.source, "reference": booked.reference, "campaign": booked.campaign_id,
                "post": booked.task_id, "micros": booked.micros, "by": by}  # fmt: skip
        return Event(kind=EventKind.REVENUE_BOOKED, subject=booked.id, at_us=await self._store.now_us(), data=data)
