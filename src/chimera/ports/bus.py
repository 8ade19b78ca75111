"""Doorbells between processes. A word may be lost at any moment; then the listener is told to read the store again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

BODY_BYTES_MAX = 65_536


class Message(Struct, frozen=True):
    """What somebody said, and under which topic."""

    topic: str
    body: bytes


class Gap(Struct, frozen=True):
    """Something may have been said that was not heard: whoever needs to know it reads the store."""


Heard: TypeAlias = Message | Gap


class Bus(Protocol):
    """Says things to whoever listens now. Nothing is kept, nothing is proved by it, nobody is waited for."""

    async def publish(self, topic: str, body: bytes = b"") -> bool:
        """Whether the bus took it. Never raises because the bus is away: the store is what counts."""
        ...

    def listen(self, topics: Sequence[str]) -> AsyncGenerator[Heard]:
        """A `Gap` as soon as it listens, then what is said, in order; another `Gap` whenever it had to listen anew.

        A topic that ends with `*` stands for all that begin like it.
        """
        ...

    async def close(self) -> None: ...
