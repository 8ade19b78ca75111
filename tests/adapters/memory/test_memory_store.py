"""The local store keeps every rule of the port, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.event import verify
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.testing.manual_clock import ManualClock
from chimera.testing.store_conformance import StoreConformance
from chimera.testing.store_samples import Samples, change


class MemoryWorld:
    """One database in memory."""

    def __init__(self) -> None:
        self._database = MemoryDatabase()
        self._clock = ManualClock()

    async def open(self, writer: str, role: Role) -> MemoryStore:
        return MemoryStore(self._database, writer=writer, role=role, clock=self._clock)

    async def pass_time(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    async def world(self) -> MemoryWorld:
        return MemoryWorld()


def _fresh(database: MemoryDatabase, writer: str = "manager-1") -> MemoryStore:
    return MemoryStore(database, writer=writer, role=Role.MANAGER, clock=ManualClock())


@pytest.mark.requirement("R-A4")
async def test_the_database_outlives_the_stores_that_were_opened_on_it() -> None:
    database, task = MemoryDatabase(), Samples().task()
    await _fresh(database).commit(change(task))
    assert await _fresh(database).get(Task, task.id) == task


@pytest.mark.requirement("R-A5")
async def test_five_thousand_commits_are_claimed_and_verify() -> None:
    store, samples = _fresh(MemoryDatabase()), Samples()
    for number in range(5_000):
        await store.commit(change(samples.task(due_at_us=number)))
    while tasks := await store.claim(shards=range(256), limit=1_000, lease_seconds=60):
        await asyncio.gather(*(store.find(Task, task.id) for task in tasks))
    (head,) = await store.heads()
    links = [link for at in range(0, 5_000, 1_000) for link in await store.links("manager-1", after_seq=at)]
    assert not list(verify("manager-1", links, head_seq=head.seq, head_hash=head.hash))
