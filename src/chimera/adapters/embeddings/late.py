"""Embeddings that are loaded in a thread when they are first asked for: no start waits for what takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from importlib.metadata import version

from chimera.ports.embeddings import Embeddings, Vector

DIMENSIONS = 256
# The release of the wheel: another release may hold other vectors.
MODEL = f"wordllama/{version('wordllama')}/{DIMENSIONS}"


class LateVectors:
    """Implements `ports.embeddings.Embeddings`. Whoever gives up waiting does not stop the loading."""

    model = MODEL
    dimensions = DIMENSIONS

    def __init__(self, load: Callable[[], Embeddings]) -> None:
        self._load = load
        self._loading: asyncio.Task[Embeddings] | None = None

    async def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector for each text."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load), name="embeddings")
        loaded = await asyncio.shield(self._loading)
        return await loaded.embed(texts)

    async def close(self) -> None:
        """Wait for what is being loaded: a thread cannot be stopped."""
        if self._loading is not None:
            await asyncio.gather(self._loading, return_exceptions=True)
