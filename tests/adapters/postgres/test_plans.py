"""What is asked again and again is found by an index among tasks that are over, never by passing them."""

from __future__ import annotations

from itertools import product
from typing import Any

import asyncpg
import msgspec
import pytest

from chimera.adapters.postgres.filling import Finished, fill_finished
from chimera.adapters.postgres.sql import query, query_of
from chimera.adapters.postgres.store import settings_of
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.bench import growth
from chimera.domain.record import SHARDS
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import PASSWORDS, Database

UNDER_WAY = ["waiting", "ready", "leased", "held", "granted", "in_doubt"]
EVERY = list(range(SHARDS))


@pytest.mark.requirement("R-A7", "R-G6")
async def test_what_is_asked_for_is_found_by_an_index_among_many_that_are_over(database: Database) -> None:
    await database.open("manager-0", Role.MANAGER)
    fresh, clock = SystemIds(), SystemClock()
    campaigns = tuple([fresh.new() for _ in range(200)])
    task, came = growth.generated()
    await fill_finished(database.admin_dsn, Finished(
        first=1, last=20_000, task=task, input=came, campaigns=campaigns, agents=campaigns, now_us=clock.now_us()
    ))  # fmt: skip
    one = campaigns[7]
    admin = await database.connect()
    await admin.execute("SET plan_cache_mode = force_custom_plan")
    await admin.execute("UPDATE chimera.input SET state = 'admitted' WHERE shard < 64; ANALYZE chimera.input")
    asked: dict[tuple[str, str], tuple[Any, ...]] = {
        ("input", "input_waiting"): (None, ["admitted"], None, EVERY, None, 512),
        ("input", "input_of_campaign"): (None, None, one, None, None, 2),
        ("task", "task_of_campaign"): (None, None, one, None, None, 100),
        ("task", "task_under_way"): (None, UNDER_WAY, one, None, None, 1),
        ("task", "task_kept"): (None, ["failed"], None, None, None, 1_000),
        ("performance", "performance_of_task"): (None, ["finished"], fresh.new(), None, None, 1),
    }
    # What hot state is built anew from after a loss of Valkey.
    everybody = {("task", "task_under_way"): (None, ["leased", "granted", "in_doubt", "held"], None, None, None, 1_000)}
    for ((kind, index), arguments), bitmaps in product([*asked.items(), *everybody.items()], ("on", "off")):
        await admin.execute(f"SET enable_bitmapscan = {bitmaps}")
        statement = await admin.prepare(f"EXPLAIN {query_of('list', kind)}")
        plan = "\n".join(row[0] for row in await statement.fetch(*arguments))
        indexes = await admin.fetch("SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
                                    "WHERE i.inhparent = $1::regclass", f"chimera.{index}")  # fmt: skip
        assert any(child["relname"] in plan for child in indexes), (index, plan)
        # Where thousands wait, a page is read in their order: not all of them, to be sorted.
        assert kind != "input" or "Sort Key" not in plan or "Merge Append" in plan, (index, plan)
    await admin.close()


@pytest.mark.requirement("R-A7", "R-G2")
async def test_what_was_planned_is_passed_once_and_not_at_every_look(database: Database) -> None:
    """Thousands a minute are planned, and a vacuum comes once a minute at best."""
    await database.open("manager-0", Role.MANAGER)
    fresh, clock = SystemIds(), SystemClock()
    task, came = growth.generated()
    await fill_finished(database.admin_dsn, Finished(
        first=1, last=5_000, task=task, input=came, campaigns=(fresh.new(),), agents=(fresh.new(),),
        now_us=clock.now_us(),
    ))  # fmt: skip
    admin = await database.connect()
    # As it is under load: few wait at the moment when statistics are made, and ids lie in no order.
    await admin.execute("SET enable_hashjoin = off; SET enable_mergejoin = off")
    mixed = "(SELECT id FROM chimera.input ORDER BY random()) AS mixed"
    await admin.execute(f"UPDATE chimera.input i SET state = 'planned' FROM {mixed} WHERE i.id = mixed.id")
    await admin.execute("UPDATE chimera.input SET state = 'admitted' WHERE shard < 4; ANALYZE chimera.input")
    await admin.execute("UPDATE chimera.input SET state = 'admitted'")
    await admin.execute("UPDATE chimera.input SET state = 'planned'")
    planning = await asyncpg.connect(database.admin_dsn, user="chimera_manager", password=PASSWORDS[Role.MANAGER],
                                     server_settings=settings_of(Role.MANAGER))  # fmt: skip
    look = await planning.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('list', 'input')}")
    first, second = [_pages(await look.fetchval(None, ["admitted"], None, EVERY, None, 512)) for _ in range(2)]
    assert first > 100, "all that is over, once"
    assert second * 5 < first, (first, second)
    await planning.close()
    await admin.close()


@pytest.mark.requirement("R-E2", "R-G2")
async def test_what_is_beyond_its_cap_is_found_without_passing_every_window(database: Database) -> None:
    """Once a second, among a window a day for each agent and each campaign."""
    await database.open("office-0", Role.OFFICE)
    admin = await database.connect()
    await admin.execute("""
        INSERT INTO chimera.window_of_budget (id, key, limit_micros, cap_micros, overrun_micros)
        SELECT 'agent:' || n || '|day|2026-11-21', 'agent:' || n || '|day', 9, 9, CASE n WHEN 7 THEN 14 ELSE 0 END
        FROM generate_series(1, 5000) AS n""")
    look = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query('windows_beyond')}")
    assert _pages(await look.fetchval("day|2026-11-21", 15_000)) < 30
    every = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query('windows_of_span')}")
    assert _pages(await every.fetchval("day|2026-11-21", 15_000)) > 300
    await admin.close()


def _pages(plan: str) -> int:
    return msgspec.json.decode(plan)[0]["Plan"]["Shared Hit Blocks"]
