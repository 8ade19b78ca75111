"""Both hot states by the same rules; and what was forgotten is built anew from the store."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.adapters.inprocess.hot import InProcessHotState
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.hot import ValkeyHotState
from chimera.domain.agent import Agent
from chimera.domain.record import Record
from chimera.domain.roles import Role
from chimera.domain.task import TaskState
from chimera.ports.hot import Status
from chimera.swarm.pool import Pool
from chimera.swarm.watching import WatchedDispatch, Watching
from chimera.testing.dispatch_conformance import Hands, assignments, gathered
from chimera.testing.hot_conformance import LIFETIME_SECONDS, HotConformance
from chimera.testing.store_samples import Samples, change

pytestmark = pytest.mark.requirement("R-A5", "R-G1")


class TestInProcessHotState(HotConformance):
    @pytest.fixture
    def hot(self) -> InProcessHotState:
        return InProcessHotState(SystemClock(), lifetime_seconds=LIFETIME_SECONDS)


class TestValkeyHotState(HotConformance):
    @pytest.fixture
    def hot(self, valkey: Valkey) -> ValkeyHotState:
        return ValkeyHotState(valkey, lifetime_seconds=LIFETIME_SECONDS)


async def test_after_a_flush_everything_is_built_anew_from_the_store(valkey: Valkey) -> None:
    clock, samples = SystemClock(), Samples()
    database = MemoryDatabase()
    store = MemoryStore(database, writer="manager-0", role=Role.MANAGER, clock=clock)
    office = MemoryStore(database, writer="office", role=Role.OFFICE, clock=clock)
    agents = [samples.agent() for _ in range(3)]
    await office.commit(change(*(replace(agent, name=f"a{number}") for number, agent in enumerate(agents))))
    working = replace(samples.task(), agent_id=agents[1].id, state=TaskState.LEASED)
    held = replace(samples.task(), agent_id=agents[2].id, state=TaskState.HELD)
    await store.commit(change(working, held))
    hot = ValkeyHotState(valkey)
    watching = Watching(hot=hot, reads=store, clock=clock)
    for _ in range(2):
        await watching.once()
        found = await hot.look([agent.id for agent in agents])
        assert [(one.status, one.task_id) for one in found.values()] == [
            (Status.IDLE, ""), (Status.WORKING, working.id), (Status.WAITING, held.id),
        ]  # fmt: skip
        assert await hot.counters() == {"working": 1, "waiting": 1}
        await valkey.ask("FLUSHALL")
        assert not await hot.look([agents[0].id])


async def test_of_many_managers_that_find_it_empty_one_reads_the_fleet() -> None:
    clock, read = SystemClock(), list[type]()

    class Counted(MemoryStore):
        async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
            read.append(kind)
            await asyncio.sleep(0)
            return await super().versions(kind, after=after)

    hot = InProcessHotState(clock)
    store = Counted(MemoryDatabase(), writer="manager-0", role=Role.MANAGER, clock=clock)
    await asyncio.gather(*(Watching(hot=hot, reads=store, clock=clock).once() for _ in range(100)))
    assert await hot.is_whole()
    assert read == [Agent]


async def test_who_works_is_noted_as_tasks_go_out_and_come_back() -> None:
    clock, hands = SystemClock(), Hands()
    hot = InProcessHotState(clock)
    store = MemoryStore(MemoryDatabase(), writer="manager-0", role=Role.MANAGER, clock=clock)
    watching = Watching(hot=hot, reads=store, clock=clock)
    pool = WatchedDispatch(Pool(hands.work, workers=4, clock=clock), watching)
    one, other = assignments(2)
    await pool.send((one, other))
    await watching.once()
    assert (await hot.look((one.task.agent_id,)))[one.task.agent_id].task_id == one.task.id
    hands.let.set()
    assert len(await gathered(pool, 2)) == 2
    await watching.once()
    assert {pulse.status for pulse in (await hot.look((one.task.agent_id, other.task.agent_id))).values()} == {
        Status.IDLE
    }
    assert await hot.counters() == {"working": 2, "idle": 2}
    await pool.close()
