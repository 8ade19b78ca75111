"""Embeddings from the vectors that come inside the wordllama wheel. Reaches no network, and downloads nothing.

Importing this takes two seconds: whoever assembles the house imports it when it is used.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import wordllama  # pyright: ignore[reportMissingTypeStubs]

from chimera.adapters.embeddings.late import DIMENSIONS, MODEL
from chimera.ports.embeddings import Vector

CHARS_MAX = 8_192
BATCH_MAX = 512


class _Row(Protocol):
    def tobytes(self) -> bytes: ...


class _Loaded(Protocol):
    def embed(self, texts: list[str], *, norm: bool) -> Iterable[_Row]: ...


class WordVectors:
    """Implements `ports.embeddings.Embeddings`. The first text waits for the loading, unless it was `warm`."""

    def warm(self) -> WordVectors:
        """Load now."""
        self._of(["a first text"])
        return self

    @property
    def model(self) -> str:
        """The release of the wheel: another release may hold other vectors."""
        return MODEL

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        return DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """One vector for each text. Only its first 8,192 characters count."""
        found: list[Vector] = []
        for start in range(0, len(texts), BATCH_MAX):
            found.extend(self._of([text[:CHARS_MAX] for text in texts[start : start + BATCH_MAX]]))
        return tuple(found)

    def _of(self, texts: Sequence[str]) -> list[Vector]:
        worded = [place for place, text in enumerate(texts) if text.strip()]
        vectors = [array("f", bytes(4 * DIMENSIONS)) for _ in texts]
        if worded:
            rows = self._loaded.embed([texts[place] for place in worded], norm=True)
            for place, row in zip(worded, rows, strict=True):
                vectors[place] = array("f", row.tobytes())
        return vectors

    @cached_property
    def _loaded(self) -> _Loaded:
        folder = Path(wordllama.__file__).parent
        return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
