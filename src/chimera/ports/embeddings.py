"""What we need to compare meanings: texts as vectors. Two vectors of different models are never compared."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Protocol, TypeAlias

Vector: TypeAlias = "array[float]"


class Embeddings(Protocol):
    """Turns texts into vectors of length one; a text without words becomes zeros, which are like nothing."""

    @property
    def model(self) -> str:
        """Which model and which version of it; stored beside every vector."""
        ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector of 32-bit floats for each text, in their order. Raises `Unavailable`."""
        ...


def likeness(one: Vector, other: Vector) -> float:
    """How alike two texts are, from -1 to 1: the cosine, as both have length one."""
    return sum(a * b for a, b in zip(one, other, strict=True))
