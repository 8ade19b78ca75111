"""What a commit looks at without a lock it compares when it writes; and how the rows lie that it writes."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from chimera.domain.budget import metered
from chimera.domain.durations import HOUR_US
from chimera.domain.grant import SealCommand
from chimera.domain.record import next_version
from chimera.domain.roles import Role
from chimera.testing.store_samples import Samples, change
from chimera.testing.store_world import outcome
from tests.adapters.postgres.conftest import Database

WAITS = """SELECT EXISTS (SELECT FROM pg_stat_activity
                          WHERE datname = current_database() AND wait_event_type = 'Lock')"""
HELD = "INSERT INTO chimera.performance (id, version, state, rank, body) VALUES ($1, 1, 'started', 0, '{}')"


async def _until_it_waits_or_ends(task: asyncio.Task[str], admin: asyncpg.Connection) -> None:
    async with asyncio.timeout(20):
        while not task.done() and not await admin.fetchval(WAITS):
            await asyncio.sleep(0.01)


@pytest.mark.requirement("R-N1")
async def test_a_seal_that_is_withdrawn_before_it_is_taken_is_not_performed(database: Database) -> None:
    """The taker names the version that a withdrawal is about to make: a look at the one before it may not count."""
    manager = await database.open("manager-1", Role.MANAGER)
    effects = await database.open("effects-1", Role.EFFECTS)
    samples = Samples()
    batch = samples.batch()
    grant = samples.grant(expires_at_us=await manager.now_us() + HOUR_US)
    seal = samples.seal(grant, batch)
    await manager.commit(change(batch))
    await manager.commit(change(grant, seal))
    holding, admin = await database.connect(), await database.connect()
    between = holding.transaction()
    await between.start()
    # Whoever writes this performance waits here: after its look at the seal, before the seal is written.
    await holding.execute(HELD, grant.id)
    taken = next_version(seal.after(SealCommand.TAKE))
    performing = asyncio.create_task(outcome(effects.commit(change(taken, samples.performance(grant)))))
    await _until_it_waits_or_ends(performing, admin)
    await admin.execute("UPDATE chimera.seal SET version = 2, state = 'withdrawn' WHERE id = $1", grant.id)
    await between.rollback()
    assert await performing in {"record_stale", "grant_not_valid"}
    assert await admin.fetchval("SELECT count(*) FROM chimera.performance") == 0
    await holding.close()
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_attempts_of_every_week_lie_as_they_are(database: Database) -> None:
    """Up to a page; neither compressed nor cut into pieces beside the table."""
    admin = await database.connect()
    made = await admin.fetchval("SELECT chimera.make_partitions(9)")
    assert made > 0, "weeks that the installation has not made"
    options = await admin.fetch("""
        SELECT c.relname, c.reloptions FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'chimera.attempt'::regclass""")
    assert len(options) > 9
    assert {row["relname"]: row["reloptions"] for row in options} == {
        row["relname"]: ["toast_tuple_target=8160"] for row in options
    }
    await admin.close()


@pytest.mark.requirement("R-E2")
async def test_whoever_makes_a_window_has_locked_none(database: Database) -> None:
    """Two that make each other's windows would otherwise wait in a ring, at every midnight."""
    manager = await database.open("manager-1", Role.MANAGER)
    there, missing = "agent:a|day|2026-11-21", "agent:b|day|2026-11-21"
    await manager.commit(change(movements=metered((there,), 1), note="made"))
    holding, admin = await database.connect(), await database.connect()
    between = holding.transaction()
    await between.start()
    made = "INSERT INTO chimera.window_of_budget (id, key, limit_micros, cap_micros) VALUES ($1, $1, 9, 9)"
    await holding.execute(made, missing)
    moving = asyncio.create_task(outcome(manager.commit(change(movements=metered((there, missing), 1), note="both"))))
    await _until_it_waits_or_ends(moving, admin)
    assert not moving.done()
    await holding.execute("SELECT FROM chimera.window_of_budget WHERE id = $1 FOR UPDATE NOWAIT", there)
    await between.rollback()
    assert await moving == ""
    assert {(one.id, one.spent_micros) for one in await manager.windows()} == {(there, 2), (missing, 1)}
    await holding.close()
    await admin.close()
