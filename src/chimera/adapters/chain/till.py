"""Books what a seller was paid (x402) as revenue of one campaign. The ledger's entries are the database's own work."""

from __future__ import annotations

from msgspec import Struct

from chimera.adapters.chain.seller import Receipt
from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.revenue import Revenue, require_revenue, revenue_id
from chimera.domain.wallets import parse_units
from chimera.ports.store import Store

SOURCE = "x402"


class Till(Struct, frozen=True, kw_only=True):
    """A seller's `note`. Writes as the office."""

    store: Store
    campaign_id: str

    async def note(self, receipt: Receipt) -> None:
        """Booked once, however often it is told: a receipt that stands in the books already is no error."""
        booked = self._revenue(receipt, at_us=await self.store.now_us())
        data = {"source": SOURCE, "reference": booked.reference, "campaign": self.campaign_id, "post": "",
                "micros": booked.micros, "by": "seller"}  # fmt: skip
        event = Event(kind=EventKind.REVENUE_BOOKED, subject=booked.id, at_us=booked.at_us, data=data)
        try:
            await self.store.commit(Change(records=(booked,), events=(event,)))
        except Conflict:
            if await self.store.find(Revenue, booked.id) is None:
                raise

    def _revenue(self, receipt: Receipt, *, at_us: int) -> Revenue:
        # Sold for tokens that are worth a dollar: their smallest units are micros.
        micros = parse_units(receipt.units, where="units")
        return require_revenue(Revenue(
            id=revenue_id(SOURCE, receipt.source, self.campaign_id), source=SOURCE, reference=receipt.source,
            campaign_id=self.campaign_id, micros=micros, received_micros=micros, at_us=at_us,
        ))  # fmt: skip
