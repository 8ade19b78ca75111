"""A halt in the middle of as many beginnings as the machine can do: none that starts after its commit gets in."""

from __future__ import annotations

import asyncio
import sys
import time

import pytest

from chimera.domain.change import Change
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from chimera.governance.halts import Halts
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_samples import Samples
from tests.adapters.postgres.conftest import Database
from tests.small_house import OTTO, PERMITS, CountedIds

WRITERS, AT_ONCE = 3, 128
# More than a thousand on two quiet cores, which it prints; a busy machine does what it can.
PER_SECOND_MIN = 100


class Beginnings:
    """What was begun, by when it was asked for and when it was answered."""

    def __init__(self) -> None:
        self.begun: list[tuple[float, float]] = []
        self.refused = 0
        self.ends = False

    async def begin(self, store: Store, samples: Samples) -> None:
        while not self.ends:
            asked = time.monotonic()
            task = samples.task()
            event = Event(kind=EventKind.ACTION_GRANTED, subject=task.id, at_us=1)
            try:
                await store.commit(Change(records=(task,), events=(event,), begins_in=("fleet", "platform:sandbox")))
            except Refused:
                self.refused += 1
                await asyncio.sleep(0.001)
            else:
                self.begun.append((asked, time.monotonic()))

    async def busy(self) -> None:
        """Once there was a second with enough of them. However long this machine takes to get there."""
        for _ in range(60):
            before = len(self.begun)
            await asyncio.sleep(1.0)
            if len(self.begun) - before >= 2 * PER_SECOND_MIN:
                return
        raise AssertionError("never busy: a halt would show nothing")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.requirement("R-A6", "R-E5")
@pytest.mark.parametrize("scope", ["fleet", "platform:sandbox"])
async def test_none_that_starts_after_the_halt_gets_in(database: Database, scope: str) -> None:
    office = await database.open("office-1", Role.OFFICE)
    halts = Halts(store=office, ids=CountedIds(ManualClock()), permits=PERMITS)
    beginnings = Beginnings()
    running: list[asyncio.Task[None]] = []
    for number in range(WRITERS):
        store, samples = await database.open(f"manager-{number}", Role.MANAGER), Samples(entropy=number)
        running += [asyncio.create_task(beginnings.begin(store, samples)) for _ in range(AT_ONCE)]
    await beginnings.busy()
    asked = time.monotonic()
    await halts.halt(scope, by=OTTO, reason="enough")
    halted = time.monotonic()
    await asyncio.sleep(2.0)
    beginnings.ends = True
    await asyncio.gather(*running)
    before = [answered for _, answered in beginnings.begun if asked - 1 <= answered < asked]
    late = [begun for begun, _ in beginnings.begun if begun > halted]
    last = max(answered for _, answered in beginnings.begun)
    took_ms, after_ms = (halted - asked) * 1000, (last - halted) * 1000
    sys.stderr.write(f"{len(before)} begun in the second before the halt; the halt took {took_ms:.0f} ms; "
                     f"the last answer came {after_ms:.0f} ms after it\n")  # fmt: skip
    assert late == []
    assert beginnings.refused > 0
    assert len(before) >= PER_SECOND_MIN, "otherwise this shows nothing"
    await halts.resume(scope, by=OTTO)
