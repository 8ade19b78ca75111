"""Joins parts over the bus: says what happened, hears what others say. What is heard is never believed, only a hint."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from chimera.ports.bus import Bus, Heard
from chimera.swarm.bell import Bell

ARRIVED, GRANTED, ACTED = "arrived", "granted", "acted"


class BusClient:
    """One process's end of the bus: whoever is woken by it reads the store."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._saying: set[asyncio.Task[bool]] = set()

    def say(self, topic: str, body: bytes = b"") -> None:
        """Say it and go on; nobody waits for a doorbell."""
        saying = asyncio.create_task(self._bus.publish(topic, body))
        self._saying.add(saying)
        saying.add_done_callback(self._said)

    async def ring(self, topic: str, bell: Bell) -> None:
        """Ring a bell on every word under a topic, and on every gap. Until cancelled."""
        async with contextlib.aclosing(self.heard(topic)) as hearing:
            async for _ in hearing:
                bell.ring()

    async def heard(self, topic: str) -> AsyncGenerator[Heard]:
        """Every word under a topic, and every gap."""
        async with contextlib.aclosing(self._bus.listen((topic,))) as listening:
            async for one in listening:
                yield one

    def _said(self, saying: asyncio.Task[bool]) -> None:
        self._saying.discard(saying)
        if not saying.cancelled():
            # A bus that refuses us is told to whoever listens on it; a doorbell stops no work.
            saying.exception()
