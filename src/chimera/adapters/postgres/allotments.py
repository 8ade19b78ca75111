"""What a manager has of the fleet's windows, in PostgreSQL: asked for, renewed, given back. Spends nothing itself."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.reads import Pool, close_pool
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import pool_of
from chimera.domain.roles import Role


class PostgresAllotments:
    """Implements `ports.allotments.Allotments`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, role: Role, password: str | None) -> PostgresAllotments:
        """Open it with the login of a role; only managers are allotted anything."""
        return cls(await pool_of(dsn, role, password))

    async def allot(
        self, writer: str, windows: Sequence[str], *, share_bp: int, micros_max: int, lease_seconds: float
    ) -> int:
        """One statement: what was spent rises, what is not asked for again goes back."""
        lease_us = round(lease_seconds * 1_000_000)
        wanted = query("allot"), writer, list(windows), share_bp, micros_max, lease_us
        return int(await asked(lambda: self._pool.fetchval(*wanted), what="the database of allotments"))

    async def close(self) -> None:
        """Close the connections."""
        await close_pool(self._pool)
