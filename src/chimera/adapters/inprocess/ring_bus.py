"""The bus of one process on the ring in Rust: one row of words for everybody. Whoever is too slow is told so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chimera.domain.native import Ring
from chimera.ports.bus import Gap, Heard, Message


class RingBus:
    """Implements `ports.bus.Bus`. What is said is kept once, however many listen."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._ears: set[asyncio.Event] = set()

    async def publish(self, topic: str, body: bytes = b"") -> bool:
        """Into the ring; whoever listens looks whether it is for them."""
        self._ring.push(topic, body)
        for rung in self._ears:
            rung.set()
        return True

    async def listen(self, topics: Sequence[str]) -> AsyncGenerator[Heard]:
        """What is said from now on."""
        rung, place, wanted = asyncio.Event(), self._ring.end, list(topics)
        self._ears.add(rung)
        try:
            yield Gap()
            while True:
                await rung.wait()
                rung.clear()
                words, place, has_gap = self._ring.read(place, wanted)
                if has_gap:
                    yield Gap()
                for topic, body in words:
                    yield Message(topic, body)
        finally:
            self._ears.discard(rung)

    async def close(self) -> None:
        """Nobody hears any more."""
        self._ears.clear()
