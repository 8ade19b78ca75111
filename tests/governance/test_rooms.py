"""How often the CFO looks at a window: seldom where there is ample room, at once where a payment might not fit."""

from __future__ import annotations

import pytest

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.roles import Role
from chimera.governance.spending.rooms import Rooms
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples, change

pytestmark = pytest.mark.requirement("R-E1", "R-E2")
DAY = "agent:ada|day|2026-11-22"
CAP = 10_000_000


class Desk:
    """One window of an agent's day, and whoever looks at it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._samples = Samples()
        self._store = MemoryStore(MemoryDatabase(), writer="manager-0", role=Role.MANAGER, clock=self.clock)
        self._rooms = Rooms(reads=self._store, clock=self.clock)

    async def hold(self, micros: int) -> None:
        hold = self._samples.hold((DAY,), micros)
        await self._store.commit(change(hold, movements=hold.opening()))

    async def room(self, *, micros: int) -> int:
        (window,) = await self._rooms.of((DAY,), micros=micros)
        return window.room_micros


async def test_a_window_that_does_not_exist_has_all_its_room() -> None:
    assert await Rooms(reads=Desk()._store, clock=ManualClock()).of((DAY,), micros=1) == ()


async def test_ample_room_is_looked_at_once_a_second() -> None:
    desk = Desk()
    await desk.hold(1)
    assert await desk.room(micros=50_000) == CAP - 1
    await desk.hold(9_000_000)
    desk.clock.advance(0.9)
    assert await desk.room(micros=50_000) == CAP - 1
    desk.clock.advance(0.2)
    assert await desk.room(micros=50_000) == 999_999


async def test_what_a_payment_might_not_fit_into_is_looked_at_anew() -> None:
    desk = Desk()
    await desk.hold(1)
    assert await desk.room(micros=50_000) == CAP - 1
    await desk.hold(9_000_000)
    desk.clock.advance(0.2)
    assert await desk.room(micros=200_000) == 999_999, "not ample for as much as this"
    await desk.hold(900_000)
    desk.clock.advance(0.2)
    assert await desk.room(micros=50_000) == 99_999
