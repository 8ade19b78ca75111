"""Money that came in, or came back: from whom, for which campaign and post. Booked by the database. Never changed."""

from __future__ import annotations

from chimera.domain import ids
from chimera.domain.errors import Invalid
from chimera.domain.record import Record

REFUND = "refund"
SOURCES = ("invoice", "affiliate", "x402", REFUND)
REFERENCE_LETTERS_MAX = 200


class Revenue(Record, frozen=True, kw_only=True):
    """One receipt. `micros` are of the fleet's currency; what came in another stands beside it with its rate."""

    source: str
    reference: str
    campaign_id: str
    task_id: str = ""
    micros: int
    received_micros: int
    currency: str = "USD"
    rate_millionths: int = 1_000_000
    rate_at_us: int = 0
    category: str = ""
    at_us: int

    @property
    def scope(self) -> str:
        return self.campaign_id

    @property
    def state_name(self) -> str:
        return "recorded"


def revenue_id(source: str, reference: str, campaign_id: str) -> str:
    """Told twice, it is the same receipt: the second is refused as already there."""
    return ids.derive(campaign_id, "revenue", source, reference)


def require_revenue(revenue: Revenue) -> Revenue:
    """The receipt, or what is wrong with it."""
    if revenue.source not in SOURCES:
        raise Invalid("revenue_source_unknown", f"{revenue.source[:40]!r} is not a source of revenue", where="source",
                      remedy=f"write one of {', '.join(SOURCES)}")  # fmt: skip
    if not revenue.reference.strip() or len(revenue.reference) > REFERENCE_LETTERS_MAX:
        raise Invalid("revenue_reference_malformed", "a receipt needs a reference of its own", where="reference",
                      remedy="write the invoice's number, the link's period or the receipt's hash")  # fmt: skip
    if revenue.source == REFUND and not revenue.category:
        raise Invalid("revenue_reference_malformed", "a refund names the category that it comes back to",
                      where="category", remedy="add --category")  # fmt: skip
    if revenue.micros <= 0:
        raise Invalid("amount_not_positive", "revenue is more than zero", where="amount", remedy="write 12.50")
    return revenue
