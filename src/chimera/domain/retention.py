"""How long records are kept at least, and the weeks in which they go. Pure."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid

RETENTION_DAYS_MIN = 90
# Records are written into weeks that exist already, however long nobody was there to make new ones.
WEEKS_AHEAD = 4


class Week(Struct, frozen=True, kw_only=True):
    """One week: how many records it had, and what it is kept for; nothing when it is gone."""

    week: str
    records: int
    kept_for: str


def cut_us(*, now_us: int, days: int) -> int:
    """Before which moment records may go; or `Invalid`, where less is asked than audit and ledger need."""
    if days < RETENTION_DAYS_MIN:
        raise Invalid("retention_too_short", f"{days} days are less than audit and ledger need",
                      where="CHIMERA_RETENTION_DAYS", remedy=f"choose {RETENTION_DAYS_MIN} or more")  # fmt: skip
    return now_us - days * DAY_US
