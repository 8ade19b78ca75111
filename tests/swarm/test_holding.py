"""Whoever is told to end ends, although a driver took that for a fault of its connection: nobody says it twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Unavailable
from chimera.governance.treasury import Treasury
from chimera.swarm.allotting import Allotting
from chimera.swarm.holding import Holding
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A2", "R-A7")


async def deaf() -> Any:
    """Waits; told to end, it says that the other end went away, as drivers do."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        raise Unavailable("store_unreachable", "it went away", remedy="see whether it runs") from None


class DeafSlots:
    """Slots and allotments over such a driver. What gives back is answered."""

    async def hold(self, holder: str, numbers: Sequence[int], *, more: int, lease_seconds: float) -> frozenset[int]:
        return await deaf()

    async def leave(self, holder: str, number: int = -1) -> None:
        pass

    async def holders(self) -> int:
        return 1

    async def allot(
        self, writer: str, windows: Sequence[str], *, share_bp: int, micros_max: int, lease_seconds: float
    ) -> int:
        return await deaf() if windows else 0


async def require_it_ends(work: Coroutine[Any, Any, None]) -> None:
    running = asyncio.create_task(work)
    await asyncio.sleep(0.05)
    running.cancel()
    ended, _ = await asyncio.wait((running,), timeout=2)
    while not running.done():
        running.cancel()
        await asyncio.sleep(0)
    assert ended, "it was told to end, and went on"


async def test_holding_slots_ends() -> None:
    async def run_slot(_number: int) -> None:
        await asyncio.Event().wait()

    await require_it_ends(Holding(slots=DeafSlots(), holder="a", count=4, run_slot=run_slot, clock=SystemClock()).run())


async def test_keeping_allotments_ends() -> None:
    ticks = iter(range(1_000))
    keeping = Allotting(allotments=DeafSlots(), writer="manager-0", treasury=Treasury(), clock=SystemClock(),
                        active=lambda: next(ticks))  # fmt: skip
    await require_it_ends(keeping.run())


class TakenSlots:
    """Gives two slots, and takes the first away at the third time."""

    def __init__(self) -> None:
        self.asked = 0

    async def hold(self, holder: str, numbers: Sequence[int], *, more: int, lease_seconds: float) -> frozenset[int]:
        self.asked += 1
        return frozenset({0, 1} if self.asked < 3 else {1})

    async def leave(self, holder: str, number: int = -1) -> None:
        pass

    async def holders(self) -> int:
        return 1


async def test_a_slots_manager_that_does_not_end_does_not_keep_the_others_from_being_held() -> None:
    ends, slots = asyncio.Event(), TakenSlots()

    async def run_slot(_number: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await ends.wait()

    holding = Holding(slots=slots, holder="a", count=2, run_slot=run_slot, clock=SystemClock())
    running = asyncio.create_task(holding.run())
    try:
        async with asyncio.timeout(10):
            while slots.asked < 6:
                await asyncio.sleep(0.02)
        assert holding.held == (1,)
    finally:
        ends.set()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_slots_manager_that_was_told_while_it_began_is_told_again() -> None:
    clock, slots, ended = ManualClock(), TakenSlots(), asyncio.Event()

    async def run_slot(number: int) -> None:
        if number == 0:
            # As a driver that opens a connection and is told meanwhile: it opens another.
            with contextlib.suppress(Unavailable):
                await deaf()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    holding = Holding(slots=slots, holder="a", count=2, run_slot=run_slot, clock=clock)
    running = asyncio.create_task(holding.run())
    try:
        async with asyncio.timeout(10):
            while not ended.is_set():
                await asyncio.sleep(0.01)
                clock.advance(1)
    finally:
        running.cancel()
        await asyncio.wait((running,), timeout=5)
    assert holding._stray == {}
