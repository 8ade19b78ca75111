"""Who comes within a moment is acted on together, each once; what comes meanwhile is not left behind."""

from __future__ import annotations

import asyncio

import pytest

from chimera.ports.store import LIST_MAX
from chimera.swarm.gathering import Gathering
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A2")


class Acts:
    """Remembers what was acted on together."""

    def __init__(self) -> None:
        self.together: list[tuple[str, ...]] = []
        self.gathering = Gathering(self._act, seconds=0.01, clock=ManualClock())

    async def _act(self, ids: tuple[str, ...]) -> None:
        self.together.append(ids)
        if ids == ("first",):
            # Whoever comes while others are acted on is next.
            self.gathering.offer("meanwhile")

    async def settled(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


async def test_who_comes_within_a_moment_is_acted_on_together_and_once() -> None:
    acts = Acts()
    acts.gathering.offer("a", "b")
    acts.gathering.offer("a")
    acts.gathering.offer("c")
    await acts.settled()
    assert acts.together == [("a", "b", "c")]
    acts.gathering.offer("a")
    await acts.settled()
    assert acts.together == [("a", "b", "c"), ("a",)]


async def test_who_comes_while_others_are_acted_on_is_not_left_behind() -> None:
    acts = Acts()
    acts.gathering.offer("first")
    await acts.settled()
    assert acts.together == [("first",), ("meanwhile",)]


async def test_no_more_at_once_than_a_list_holds_and_nobody_is_forgotten() -> None:
    acts = Acts()
    ids = [str(number) for number in range(LIST_MAX + 1)]
    acts.gathering.offer(*ids)
    await acts.settled()
    assert [len(one) for one in acts.together] == [LIST_MAX, 1]
    assert [name for one in acts.together for name in one] == ids


async def test_once_closed_nobody_is_acted_on() -> None:
    acts = Acts()
    acts.gathering.offer("a")
    await acts.gathering.close()
    await acts.settled()
    assert acts.together == []
