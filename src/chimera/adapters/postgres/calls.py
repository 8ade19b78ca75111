"""Counts calls to networks in PostgreSQL, many with one statement. Makes none, and may do nothing else there."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.reads import Pool, close_pool
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import pool_of
from chimera.domain.roles import Role
from chimera.ports.calls import Counted


class PostgresCalls:
    """Implements `ports.calls.CallWindows`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, password: str | None, role: Role = Role.GATEWAY) -> PostgresCalls:
        """Open it with the login of whoever reaches networks."""
        return cls(await pool_of(dsn, role, password))

    async def settle(self, caller: str, windows: Mapping[str, Counted], *, lease_seconds: float) -> dict[str, int]:
        """One statement: what was made is spent, what is ahead is held."""
        made, wanted = [one.made for one in windows.values()], [one.wanted for one in windows.values()]
        lease_us = round(lease_seconds * 1_000_000)
        counted = query("count_calls"), caller, list(windows), made, wanted, lease_us
        rows = await asked(lambda: self._pool.fetch(*counted), what="the database of calls")
        return {row["o_window"]: row["o_ahead"] for row in rows if row["o_ahead"] >= 0}

    async def close(self) -> None:
        """Close the connections."""
        await close_pool(self._pool)
