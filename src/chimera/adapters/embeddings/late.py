"""Embeddings that are loaded in a thread when they are first asked for: no start waits for what takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version

from chimera.domain.errors import Unavailable
from chimera.ports.clock import Clock
from chimera.ports.embeddings import Embeddings, Vector

DIMENSIONS = 256
# A disk or a memory that was full may have room again. Until then nobody waits for the same answer.
AGAIN_SECONDS = 30
# The release of the wheel: another release may hold other vectors.
MODEL = f"wordllama/{version('wordllama')}/{DIMENSIONS}"


class LateVectors:
    """Implements `ports.embeddings.Embeddings`. Whoever gives up waiting does not stop the loading."""

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(self, load: Callable[[], Embeddings], *, clock: Clock) -> None:
        self._load = load
        self._clock = clock
        self._loading: asyncio.Task[Embeddings] | None = None
        self._failed_at_us = 0

    async def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector for each text; unavailable where they could not be loaded, until it is tried again."""
        if self._loading is None or self._is_time_again():
            self._failed_at_us = 0
            self._loading = asyncio.create_task(self._loaded(), name="embeddings")
        loaded = await asyncio.shield(self._loading)
        return await loaded.embed(texts)

    async def close(self) -> None:
        """Wait for what is being loaded: a thread cannot be stopped."""
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)

    def _is_time_again(self) -> bool:
        return 0 < self._failed_at_us <= self._clock.now_us() - AGAIN_SECONDS * 1_000_000

    async def _loaded(self) -> Embeddings:
        try:
            return await asyncio.to_thread(self._load)
        except Exception as error:
            self._failed_at_us = self._clock.now_us()
            raise Unavailable(
                "embeddings_unavailable", f"the embeddings cannot be loaded: {error}", where="embeddings",
                remedy=f"look at disk and memory; it is tried again after {AGAIN_SECONDS} s",
            ) from error  # fmt: skip
