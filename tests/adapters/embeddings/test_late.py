"""Embeddings that could not be loaded are loaded later: work goes on without them meanwhile, and nobody restarts it."""

from __future__ import annotations

import pytest

from chimera.adapters.embeddings.late import AGAIN_SECONDS, LateVectors
from chimera.adapters.embeddings.word_vectors import WordVectors
from chimera.domain.errors import Unavailable
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A7")


class Loader:
    """Loads what a test says, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.disk_is_full = False

    def load(self) -> WordVectors:
        self.asked += 1
        if self.disk_is_full:
            raise OSError("no space left on device")
        return WordVectors()


async def test_a_load_that_failed_is_tried_again_after_a_pause() -> None:
    clock, loader = ManualClock(), Loader()
    vectors = LateVectors(loader.load, clock=clock)
    loader.disk_is_full = True
    for _ in range(3):
        with pytest.raises(Unavailable, match="no space left") as failed:
            await vectors.embed(["a"])
        assert failed.value.code == "embeddings_unavailable"
    assert loader.asked == 1, "nobody waits for the same answer"
    loader.disk_is_full = False
    clock.advance(AGAIN_SECONDS - 1)
    with pytest.raises(Unavailable):
        await vectors.embed(["a"])
    clock.advance(1)
    assert await vectors.embed(["a"]) == await vectors.embed(["a"])
    assert loader.asked == 2, "what is loaded stays"
    await vectors.close()
