"""What we need to find memories by meaning. Derived from records: what is lost here is embedded again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from chimera.domain.memory import Memory
from chimera.ports.embeddings import Vector


class Near(Struct, frozen=True):
    """A memory's id, and how alike it is."""

    id: str
    likeness: float


class Wanted(Struct, frozen=True):
    """What is looked for, and among whose memories."""

    vector: Vector
    owners: tuple[str, ...]


class VectorIndex(Protocol):
    """Vectors of memories, by the model that made them. Raises `Unavailable`."""

    async def keep(self, memories: Sequence[Memory], vectors: Sequence[Vector], *, model: str) -> int:
        """How many were kept: what was forgotten or changed meanwhile is not."""
        ...

    async def nearest(self, vector: Vector, *, owners: Sequence[str], model: str, limit: int) -> tuple[Near, ...]: ...

    async def nearest_each(self, wanted: Sequence[Wanted], *, model: str, limit: int) -> tuple[tuple[Near, ...], ...]:
        """For each of several questions its nearest, all in one look."""
        ...

    async def missing(self, *, model: str, limit: int, after: str = "") -> tuple[Memory, ...]:
        """Memories that this model has no vector of yet, by id, after one."""
        ...
