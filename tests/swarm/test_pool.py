"""A pool with much to do hands on its results by the handful, and loses none."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.system.clock import SystemClock
from chimera.domain.draft import Draft
from chimera.domain.labels import TRUSTED
from chimera.domain.work import Assignment, Result
from chimera.swarm.pool import BUSY_WORKERS_MIN, Pool
from chimera.testing.dispatch_conformance import assignments, gathered

pytestmark = pytest.mark.requirement("R-A7")
MANY = 2 * BUSY_WORKERS_MIN
QUICK = BUSY_WORKERS_MIN // 2


class Gates:
    """The first few come one turn of the loop after the other; the rest wait until they are let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self._begun = 0

    async def work(self, assignment: Assignment) -> Result:
        """One result, in its own time."""
        self._begun += 1
        if self._begun > QUICK:
            await self.open.wait()
        for _ in range(self._begun):
            await asyncio.sleep(0)
        draft = Draft(output={}, confidence_bp=9_000, labels=TRUSTED)
        return Result(task_id=assignment.task.id, task_version=assignment.task.version, draft=draft)


class ClockOfTurns(SystemClock):
    """Whoever sleeps lets the loop turn often enough: however slow the machine is, no time passes."""

    async def sleep(self, seconds: float) -> None:
        for _ in range(MANY):
            await asyncio.sleep(0)


async def test_a_busy_pool_hands_on_by_the_handful() -> None:
    """Those that come one after the other while much is at work come together; then the rest."""
    gates = Gates()
    pool = Pool(gates.work, workers=MANY, clock=ClockOfTurns())
    await pool.send(assignments(MANY))
    assert len(await pool.results()) == QUICK
    gates.open.set()
    assert len(await gathered(pool, MANY - QUICK)) == MANY - QUICK
    await pool.close()


class StoppedClock(SystemClock):
    """Nobody who sleeps wakes, until it is let go."""

    def __init__(self) -> None:
        self.goes = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        await self.goes.wait()


async def test_whoever_stops_waiting_for_a_handful_loses_none() -> None:
    """What was there while a caller was cancelled is there for the next."""
    gates = Gates()
    gates.open.set()
    clock = StoppedClock()
    pool = Pool(gates.work, workers=MANY, clock=clock)
    sent = assignments(MANY)
    await pool.send(sent)
    waiting = asyncio.create_task(pool.results())
    for _ in range(QUICK):
        await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    clock.goes.set()
    assert {one.task_id for one in await gathered(pool, MANY)} == {one.task.id for one in sent}
    await pool.close()
