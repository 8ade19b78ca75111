"""How long records are kept at least. Pure."""

from __future__ import annotations

from chimera.domain.errors import Invalid

RETENTION_DAYS_MIN = 90
DAY_US = 86_400_000_000


def cut_us(*, now_us: int, days: int) -> int:
    """Before which moment records may go; or `Invalid`, where less is asked than audit and ledger need."""
    if days < RETENTION_DAYS_MIN:
        raise Invalid("retention_too_short", f"{days} days are less than audit and ledger need",
                      where="CHIMERA_RETENTION_DAYS", remedy=f"choose {RETENTION_DAYS_MIN} or more")  # fmt: skip
    return now_us - days * DAY_US
