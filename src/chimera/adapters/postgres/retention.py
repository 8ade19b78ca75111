"""Drops whole weeks of records in PostgreSQL, as the maintenance role. The database looks again at every condition."""

from __future__ import annotations

import asyncpg
from msgspec import Struct

from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.sql import query
from chimera.domain.errors import Refused
from chimera.domain.roles import Role

REFUSED = "CH007"


class Week(Struct, frozen=True, kw_only=True):
    """One week: how many records it had, and what it is kept for; nothing when it is gone."""

    week: str
    records: int
    kept_for: str


async def drop_weeks(dsn: str, *, password: str, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
    """All weeks that were over before a moment and in which nothing is open, behind a checkpoint."""
    connection = await asyncpg.connect(dsn, user=login_of(Role.MAINTENANCE), password=password)
    try:
        rows = await connection.fetch(query("drop_weeks"), before_us, checkpoint_id)
    except asyncpg.PostgresError as error:
        if error.sqlstate != REFUSED:
            raise
        raise Refused("retention_refused", str(error), where="database", remedy="keep them longer") from error
    finally:
        await connection.close()
    return tuple(Week(week=row["week"], records=row["records"], kept_for=row["kept_for"]) for row in rows)
