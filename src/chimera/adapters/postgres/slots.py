"""Leases of slots in PostgreSQL, by its clock. Writes nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.reads import Pool, close_pool
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PostgresStore, pool_of
from chimera.domain.roles import Role

_WHAT = "the database of slots"


class PostgresSlots:
    """Implements `ports.slots.Slots`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, role: Role, password: str | None) -> PostgresSlots:
        """Open it with the login of a role; only managers may hold."""
        return cls(await pool_of(dsn, role, password))

    async def hold(self, holder: str, numbers: Sequence[int], *, more: int, lease_seconds: float) -> frozenset[int]:
        """One statement, under one lock: two never get the same."""
        lease_us = round(lease_seconds * 1_000_000)
        wanted = query("hold_slots"), holder, list(numbers), more, lease_us
        rows = await asked(lambda: self._pool.fetch(*wanted), what=_WHAT)
        return frozenset(int(row["number"]) for row in rows)

    async def leave(self, holder: str, number: int = -1) -> None:
        """Only one's own."""
        await asked(lambda: self._pool.execute(query("leave_slot"), holder, number), what=_WHAT)

    async def holders(self) -> int:
        """Those whose leases run."""
        return int(await asked(lambda: self._pool.fetchval(query("slot_holders")), what=_WHAT))

    async def end_leases(self, store: PostgresStore, shards: Sequence[int]) -> int:
        """What the writer's last instance had leased is due at once; how many tasks."""
        ended = query("end_leases"), store.writer, store.epoch, list(shards)
        return int(await asked(lambda: self._pool.fetchval(*ended), what=_WHAT))

    async def close(self) -> None:
        """Close the connections."""
        await close_pool(self._pool)
