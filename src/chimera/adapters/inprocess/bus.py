"""The bus of one process: queues. Whoever is too slow loses what was said, and is told so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from chimera.ports.bus import Gap, Heard, Message

WAITING_MAX = 10_000


class InProcessBus:
    """Implements `ports.bus.Bus`."""

    def __init__(self, *, waiting_max: int = WAITING_MAX) -> None:
        self._waiting_max = waiting_max
        self._ears: set[_Ear] = set()

    async def publish(self, topic: str, body: bytes = b"") -> bool:
        """Into every queue that wants it."""
        for ear in self._ears:
            if ear.wants(topic):
                ear.hear(Message(topic, body))
        return True

    async def listen(self, topics: Sequence[str]) -> AsyncGenerator[Heard]:
        """What is said from now on."""
        ear = _Ear(tuple(topics), self._waiting_max)
        self._ears.add(ear)
        try:
            while True:
                yield await ear.next()
        finally:
            self._ears.discard(ear)

    async def close(self) -> None:
        """Nobody hears any more."""
        self._ears.clear()


class _Ear:
    """One listener's queue. When it is full it is emptied, and holds nothing but the gap."""

    def __init__(self, topics: tuple[str, ...], waiting_max: int) -> None:
        self._exact = frozenset(topic for topic in topics if not topic.endswith("*"))
        self._beginnings = tuple(topic[:-1] for topic in topics if topic.endswith("*"))
        self._waiting: deque[Heard] = deque((Gap(),))
        self._waiting_max = waiting_max
        self._rung = asyncio.Event()
        self._rung.set()

    def wants(self, topic: str) -> bool:
        return topic in self._exact or topic.startswith(self._beginnings)

    def hear(self, heard: Heard) -> None:
        if len(self._waiting) >= self._waiting_max:
            self._waiting.clear()
            heard = Gap()
        self._waiting.append(heard)
        self._rung.set()

    async def next(self) -> Heard:
        while not self._waiting:
            self._rung.clear()
            await self._rung.wait()
        return self._waiting.popleft()
