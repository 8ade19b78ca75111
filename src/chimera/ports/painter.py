"""What we need from a model that paints: one picture of some words, perhaps with a face to keep; with its cost."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from chimera.ports.model import Try


class PaintOrder(Struct, frozen=True, kw_only=True):
    """What is to be painted. `faces` are pictures of somebody who has to be recognised in it."""

    words: str
    agent_id: str
    cost_micros_max: int
    seconds_max: float
    faces: tuple[bytes, ...] = ()


class Painting(Struct, frozen=True, kw_only=True):
    """The bytes of a picture, unlooked at, or None where nobody painted; and everything that was tried."""

    data: bytes | None
    painter: str = ""
    tries: tuple[Try, ...] = ()

    @property
    def cost_micros(self) -> int:
        """What all of it cost, also what came to nothing."""
        return sum(one.cost_micros for one in self.tries)


class Painter(Protocol):
    """Paints, or says what was tried. Never raises for a provider's sake: there is always a card instead."""

    async def paint(self, order: PaintOrder) -> Painting: ...
