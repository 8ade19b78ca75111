"""Slots of shards: never two holders, taken over when silent, and what the dead had leased is due at once."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.postgres.reads import CLOSE_SECONDS_MAX
from chimera.adapters.postgres.slots import PostgresSlots
from chimera.adapters.postgres.sql import migrations
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.record import SHARDS
from chimera.domain.roles import Role
from chimera.domain.rows import row_of
from chimera.swarm.holding import Alone, Holding, shards_of
from chimera.swarm.leased import Leased
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-A2", "R-A6")
ALL = range(8)


@pytest.mark.parametrize("count", [1, 3, 8, 100, SHARDS])
def test_every_shard_is_in_one_slot(count: int) -> None:
    assert sorted(shard for number in range(count) for shard in shards_of(number, count=count)) == list(range(SHARDS))


async def test_what_is_not_over_moves_to_the_shard_that_its_campaign_has_now(database: Database) -> None:
    """An installation of 64 shards is brought up to date: what is looked for by shard is in the right one."""
    admin, samples = await database.connect(), Samples()
    while int(samples.id()[-4:], 16) < 100:  # Campaigns whose shard was another one.
        pass
    rows = [row_of(one) for one in samples.one_of_each().values()]
    sharded = [row for row in rows if row.shard is not None]
    for row in sharded:
        await admin.execute(
            f'INSERT INTO chimera."{row.kind}" (id, version, state, scope, shard, due_us, rank, body) '
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            row.id, row.version, row.state, row.scope, (row.shard or 0) % 64, row.due_us, row.rank, row.body,
        )  # fmt: skip
    await admin.execute(dict(migrations("pre"))["pre/0460_more_shards"])
    found = {row.kind: await admin.fetchval(f'SELECT shard FROM chimera."{row.kind}"') for row in sharded}
    await admin.close()
    open_states = {row.kind: row.shard for row in sharded if row.kind != "grant"}
    assert {kind: found[kind] for kind in open_states} == open_states
    assert set(open_states) > {"campaign", "input", "task", "seal", "performance", "review"}


async def opened(database: Database, role: Role = Role.MANAGER) -> PostgresSlots:
    return await PostgresSlots.open(database.admin_dsn, role=role, password=PASSWORDS[role])


async def test_a_slot_has_one_holder_until_it_is_silent_or_leaves(database: Database) -> None:
    slots = await opened(database)
    assert await slots.hold("a", ALL, more=5, lease_seconds=0.5) == frozenset(range(5))
    assert await slots.hold("b", ALL, more=5, lease_seconds=9) == frozenset({5, 6, 7})
    assert await slots.hold("a", ALL, more=0, lease_seconds=0.5) == frozenset(range(5))
    assert await slots.holders() == 2
    await slots.leave("b", 0)
    assert await slots.hold("b", ALL, more=8, lease_seconds=9) == frozenset({5, 6, 7})
    await slots.leave("a", 0)
    assert await slots.hold("b", ALL, more=8, lease_seconds=9) == frozenset({0, 5, 6, 7})
    await asyncio.sleep(0.6)
    assert await slots.hold("b", ALL, more=8, lease_seconds=9) == frozenset(ALL)
    assert await slots.hold("a", ALL, more=8, lease_seconds=9) == frozenset()
    await slots.close()


async def test_of_many_at_once_each_slot_gets_one(database: Database) -> None:
    slots = await opened(database)
    held = await asyncio.gather(*(slots.hold(f"m{one}", ALL, more=2, lease_seconds=9) for one in range(12)))
    assert sorted(number for found in held for number in found) == list(ALL)
    await slots.close()


async def test_whoever_renews_waits_for_nobody(database: Database) -> None:
    """Somebody who renews and then stands still keeps nobody else from it, nor from seeing that nothing is free."""
    slots, admin = await opened(database), await database.connect()
    assert await slots.hold("a", ALL, more=8, lease_seconds=9) == frozenset(ALL)
    async with admin.transaction():
        await admin.execute("LOCK TABLE chimera.slot IN ROW EXCLUSIVE MODE")
        assert await asyncio.wait_for(slots.hold("a", ALL, more=0, lease_seconds=9), 5) == frozenset(ALL)
        assert await asyncio.wait_for(slots.hold("b", ALL, more=8, lease_seconds=9), 5) == frozenset()
    await admin.close()
    await slots.close()


async def test_many_take_renew_and_leave_at_once_and_none_has_anothers(database: Database) -> None:
    slots = await opened(database)

    async def life(name: str) -> None:
        for turn in range(20):
            held = await slots.hold(name, ALL, more=turn % 3, lease_seconds=9)
            if turn % 4 == 3:
                for number in held:
                    await slots.leave(name, number)

    await asyncio.wait_for(asyncio.gather(*(life(f"m{one}") for one in range(12))), 30)
    found = [await slots.hold(f"m{one}", ALL, more=0, lease_seconds=9) for one in range(12)]
    everything = [number for held in found for number in held]
    assert len(everything) == len(set(everything))
    await slots.close()


async def test_only_managers_hold(database: Database) -> None:
    for role in (Role.OFFICE, Role.EFFECTS, Role.AUDITOR):
        slots = await opened(database, role)
        with pytest.raises((Refused, ChimeraError)):
            await slots.hold("x", ALL, more=1, lease_seconds=1)
        await slots.close()


async def test_what_the_dead_had_leased_is_due_at_once_for_its_successor_alone(database: Database) -> None:
    dead = await database.open("manager-0", Role.MANAGER)
    task = Samples().task()
    await dead.commit(change(task))
    shards = (task.shard,)
    (leased,) = await dead.claim(shards=shards, limit=1, lease_seconds=600)
    heir, slots = await database.open("manager-0", Role.MANAGER), await opened(database)
    assert await heir.claim(shards=shards, limit=1, lease_seconds=600) == ()
    with pytest.raises(Conflict, match="writer_fenced"):
        await slots.end_leases(dead, shards)
    assert await slots.end_leases(heir, shards) == 1
    (again,) = await heir.claim(shards=shards, limit=1, lease_seconds=600)
    assert (again.id, again.version, again.attempt, again.leases_lost) == (task.id, leased.version + 1, 1, 1)
    await slots.close()


async def test_slots_of_a_process_that_dies_run_elsewhere_in_seconds(database: Database) -> None:
    """One is cancelled without giving anything back, as a killed process; a third joins later and gets its share."""
    slots, clock, running = await opened(database), SystemClock(), dict[int, str]()

    def holding(name: str) -> Holding:
        async def run_slot(number: int) -> None:
            running[number] = name
            await asyncio.Event().wait()

        return Holding(slots=slots, holder=name, count=8, run_slot=run_slot, clock=clock)

    async def until(seconds: float, *names: str) -> None:
        async with asyncio.timeout(seconds):
            while len(running) < 8 or {*running.values()} != {*names}:
                await asyncio.sleep(0.02)

    first, second = holding("first"), holding("second")
    one, two = asyncio.create_task(first.run()), asyncio.create_task(second.run())
    await until(10, "first", "second")
    # Killed: what it holds is not given back, and nobody renews it.
    for task in first._running.values():
        task.cancel()
    first._running.clear()
    one.cancel()
    await asyncio.gather(one, return_exceptions=True)
    await until(5, "second")
    three = asyncio.create_task(holding("third").run())
    await until(10, "second", "third")
    for task in (two, three):
        task.cancel()
    await asyncio.gather(two, three, return_exceptions=True)
    assert await slots.holders() == 0
    await slots.close()


async def test_beside_a_fleet_in_one_process_no_manager_process_gets_a_slot(database: Database) -> None:
    slots, clock = await opened(database), SystemClock()
    alone = Alone(slots=slots, holder="fleet here", clock=clock)
    await alone.take()
    assert await slots.hold("manager", ALL, more=8, lease_seconds=9) == frozenset()
    again = Alone(slots=slots, holder="fleet here", clock=clock)
    await again.take()
    await again.leave()
    assert await slots.hold("manager", ALL, more=8, lease_seconds=9) == frozenset(ALL)
    await slots.close()


async def test_a_fleet_in_one_process_does_not_start_beside_manager_processes(database: Database) -> None:
    slots = await opened(database)
    assert await slots.hold("manager", ALL, more=1, lease_seconds=60) == frozenset({0})
    alone = Alone(slots=slots, holder="fleet here", clock=SystemClock())
    with pytest.raises(Conflict, match="managers_at_work"):
        await alone.take()
    assert await slots.hold("manager", ALL, more=8, lease_seconds=60) == frozenset(ALL)
    assert await slots.holders() == 1
    with pytest.raises(Conflict, match="managers_at_work"):
        await alone.keep()
    await slots.close()


async def test_closing_does_not_wait_for_a_connection_that_is_never_given_back(database: Database) -> None:
    """As one is whose server was killed under a query that was cancelled."""
    slots = await opened(database)
    await slots._pool.acquire()
    async with asyncio.timeout(2 * CLOSE_SECONDS_MAX):
        await slots.close()


async def test_what_is_given_back_at_an_orderly_end_is_leased_by_its_successor_as_if_nobody_had_had_it(
    database: Database,
) -> None:
    """Leased when it was ready, and leased when a lease of it had been lost: neither counts one more."""
    leaving, samples = await database.open("manager-0", Role.MANAGER), Samples()
    tasks = [samples.task() for _ in range(2)]
    for task in tasks:
        await leaving.commit(change(task))
    shards = tuple({task.shard for task in tasks})
    (lost,) = await leaving.claim(shards=shards, limit=1, lease_seconds=0.01)
    await asyncio.sleep(0.05)
    leased = await leaving.claim(shards=shards, limit=2, lease_seconds=600)
    ours = Leased(store=leaving, clock=SystemClock())
    ours.take(leased)
    await ours.give_back()
    heir = await database.open("manager-0", Role.MANAGER)
    found = await heir.claim(shards=shards, limit=2, lease_seconds=600)
    assert {task.id: (task.attempt, task.leases_lost) for task in found} == {
        task.id: (1, int(task.id == lost.id)) for task in tasks
    }
    # Whoever was fenced gives nothing back, and says so to nobody.
    ours.take(leased)
    await ours.give_back()
    assert await heir.claim(shards=shards, limit=2, lease_seconds=600) == ()
