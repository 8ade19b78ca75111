"""Vectors of memories in pgvector. Derived from records; reads and writes through functions of the database alone."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.adapters.postgres.faults import DRIVER_ERRORS, Fault, fault_of
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import Pool, Rows, close_pool, record_of
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PATIENCE_SECONDS, pool_of
from chimera.domain.errors import Unavailable
from chimera.domain.memory import Memory
from chimera.domain.roles import Role
from chimera.ports.embeddings import Vector
from chimera.ports.recall import Near, Wanted


class PostgresVectors:
    """Implements `ports.recall.VectorIndex`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, role: Role, password: str | None = None) -> PostgresVectors:
        """Open it with the login of a role; a server without pgvector is named."""
        pool = await pool_of(dsn, role, password)
        try:
            if not await _has_vectors(pool):
                raise Unavailable("vectors_missing", "this PostgreSQL has no pgvector", where="CHIMERA_DATABASE_URL",
                                  remedy="install the extension and start again, or use the embedded one")  # fmt: skip
        except BaseException:
            await close_pool(pool)
            raise
        return cls(pool)

    async def keep(self, memories: Sequence[Memory], vectors: Sequence[Vector], *, model: str) -> int:
        """Write the vectors of memories that still stand as they were embedded."""
        found = await self._fetch(
            "keep_vectors", [one.id for one in memories], [one.version for one in memories], model,
            [one.importance_bp for one in memories], [written(vector) for vector in vectors],
        )  # fmt: skip
        return found[0][0]

    async def nearest(self, vector: Vector, *, owners: Sequence[str], model: str, limit: int) -> tuple[Near, ...]:
        """By the index: nearly always the nearest ones."""
        return _near(await self._fetch("nearest", list(owners), model, written(vector), limit))

    async def nearest_exactly(
        self, vector: Vector, *, owners: Sequence[str], model: str, limit: int
    ) -> tuple[Near, ...]:
        """By looking at every vector; what `nearest` is measured against."""
        return _near(await self._fetch("nearest_exactly", list(owners), model, written(vector), limit))

    async def nearest_each(self, wanted: Sequence[Wanted], *, model: str, limit: int) -> tuple[tuple[Near, ...], ...]:
        """The nearest for each of several, in one round trip."""
        asked = [(number, owner, written(one.vector)) for number, one in enumerate(wanted) for owner in one.owners]
        rows = await self._fetch("nearest_each", [n for n, _, _ in asked], [owner for _, owner, _ in asked],
                                 [text for _, _, text in asked], model, limit)  # fmt: skip
        found = [_near([row for row in rows if row["asked"] == number]) for number in range(len(wanted))]
        return tuple(tuple(sorted(near, key=lambda one: (-one.likeness, one.id))[:limit]) for near in found)

    async def missing(self, *, model: str, limit: int, after: str = "") -> tuple[Memory, ...]:
        """Memories without a vector of this model, by id: whoever reads on begins behind the last one."""
        rows = await self._fetch("without_vector", model, limit, after or None)
        return tuple(record_of(Memory, row) for row in rows)

    async def close(self) -> None:
        """Close the connections."""
        await close_pool(self._pool)

    async def _fetch(self, name: str, *arguments: object) -> Rows:
        try:
            return await self._pool.fetch(query(name), *arguments)
        except DRIVER_ERRORS as error:
            raise Unavailable("memory_unreachable", f"the vectors cannot be asked: {error}"[:300], where="memory",
                              remedy="look at the database") from error  # fmt: skip


def written(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(repr, vector))}]"


async def _has_vectors(pool: Pool) -> bool:
    """Whether the server has pgvector. One that is away just now is waited for, as whoever opens a store does."""
    patience = Patience(PATIENCE_SECONDS)
    async for _ in patience.attempts("the database, asked for pgvector,"):
        try:
            return await pool.fetchval(query("has_vectors"))
        except DRIVER_ERRORS as error:
            if fault_of(error) not in (Fault.LOST, Fault.AGAIN):
                raise
            patience.met(error)
    raise AssertionError("patience ends by raising")


def _near(rows: Rows) -> tuple[Near, ...]:
    return tuple(Near(str(row["id"]), row["likeness"]) for row in rows)
