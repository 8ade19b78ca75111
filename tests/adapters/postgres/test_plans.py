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
from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign
from chimera.domain.record import SHARDS
from chimera.domain.roles import Role
from chimera.testing.store_samples import Samples, change
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


@pytest.mark.requirement("R-E1", "R-A5")
async def test_what_payments_brought_back_is_found_by_what_was_paid_for(database: Database) -> None:
    """Before a payment, while somebody waits: whatever all decisions have booked since."""
    await database.open("office-0", Role.OFFICE)
    admin = await database.connect()
    await admin.execute("""
        WITH made AS (
            INSERT INTO chimera.booking (kind, cause, at_us)
            SELECT 'captured', gen_random_uuid(), 1 FROM generate_series(1, 20000) RETURNING id
        )
        INSERT INTO chimera.ledger (booking, leg, account, owner, category, micros)
        SELECT b.id, l.leg, 'campaign:' || b.id % 2000 || ':x', 'campaign:' || b.id % 2000,
               CASE WHEN l.leg = 1 THEN 'model' WHEN b.id % 2000 < 5 THEN 'compute' ELSE 'notes' END, l.micros
        FROM made b, (VALUES (1, -5), (2, 5)) AS l (leg, micros);
        ANALYZE chimera.ledger""")
    await admin.execute("SET plan_cache_mode = force_custom_plan")
    look = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query('ledger_returns')}")
    assert _pages(await look.fetchval("compute", 1_000)) < 150
    whole = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query('ledger_outcomes')}")
    assert _pages(await whole.fetchval()) > 300
    await admin.close()


@pytest.mark.requirement("R-E2", "R-A5")
@pytest.mark.parametrize(("kind", "state"), [("cap", "set"), ("halt", "outlived")])
async def test_the_few_of_a_scope_are_found_among_those_of_every_campaign(
    database: Database, kind: str, state: str
) -> None:
    """Quotas are read once a second, and every campaign that ever was has a cap."""
    await database.open("office-0", Role.OFFICE)
    admin = await database.connect()
    await admin.execute(f"""
        INSERT INTO chimera.{kind} (id, version, state, scope, shard, due_us, rank, body)
        SELECT gen_random_uuid(), 1, '{state}', 'campaign:' || n, 0, 0, 0, '{{}}' FROM generate_series(1, 5000) AS n;
        ANALYZE chimera.{kind}""")
    await admin.execute("SET plan_cache_mode = force_custom_plan")
    look = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('list', kind)}")
    assert _pages(await look.fetchval(None, None, "quotas", None, None, 1_000)) < 10
    await admin.close()


@pytest.mark.requirement("R-A5", "R-A7")
async def test_a_claim_passes_few_halts_however_many_are_in_force(database: Database) -> None:
    """When a provider is away, the breaker of every agent may trip; with 5,000 halts a commit took a second."""
    manager = await database.open("manager-0", Role.MANAGER)
    admin = await database.connect()
    await admin.execute("""
        INSERT INTO chimera.halt (id, version, state, scope, shard, due_us, rank, body)
        SELECT gen_random_uuid(), 1, 'active', 'agent:' || n, 0, 0, 0, '{}' FROM generate_series(1, 5000) AS n;
        ANALYZE chimera.halt""")
    head = next(one for one in await manager.heads() if one.writer == "manager-0")
    async with admin.transaction():
        await admin.execute("SET LOCAL SESSION AUTHORIZATION chimera_manager")
        await admin.fetch(query("claim"), "manager-0", head.epoch, str(set(EVERY)), 256, 1_000_000, [], [])
        read = await admin.fetchval("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_all_tables "
                                    "WHERE relid = 'chimera.halt'::regclass")  # fmt: skip
        commit = await admin.fetchval("SELECT prosrc FROM pg_proc WHERE proname = 'commit_batch'")
    assert read < 20
    # Its arguments are the store's alone: what it asks is what a claim asks.
    assert "&& b_scope" not in commit and "chimera.is_halted(b.scope)" in commit
    await admin.close()


_AGENTS = """
    INSERT INTO chimera.agent (id, version, state, scope, shard, due_us, rank, body)
    SELECT gen_random_uuid(), 1, 'active', NULL, NULL, NULL, 0, '{}' FROM generate_series(1, $1) AS n RETURNING id"""


@pytest.mark.requirement("R-A2", "R-A7")
async def test_what_has_changed_costs_what_has_changed_however_many_agents_there_are(database: Database) -> None:
    """Every process that works with agents asks each five seconds."""
    reads, admin = await database.open_reads(Role.MANAGER), await database.connect()
    await admin.fetch(_AGENTS, 10_000)
    await admin.execute("ANALYZE chimera.agent")
    mark = (await reads.changed(Agent)).mark
    (changed,) = await admin.fetch(_AGENTS, 1)
    assert (await reads.changed(Agent, since=mark)).versions == {str(changed["id"]): 1}
    await admin.execute("SET plan_cache_mode = force_generic_plan")
    look = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('changed', 'agent')}")
    nobody = "00000000-0000-0000-0000-000000000000"
    assert _pages(await look.fetchval(mark, nobody, 1_000)) < 12
    everybody = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('versions', 'agent')}")
    assert _pages(await everybody.fetchval(None)) > 100, "what it was"
    assert len((await reads.changed(Agent, since=0)).versions) == 10_001, "page by page"
    await admin.close()


_CAMPAIGNS = _AGENTS.replace("chimera.agent", "chimera.campaign").replace("'active'", "'running'")


@pytest.mark.requirement("R-A2", "R-A7")
async def test_who_listens_for_campaigns_is_told_of_those_that_begin_and_end_and_of_no_plan(database: Database) -> None:
    """Asked three times a second; a fleet at work adopts a thousand plans in each."""
    reads, admin = await database.open_reads(Role.OFFICE), await database.connect()
    await admin.fetch(_CAMPAIGNS, 10_000)
    await admin.execute("ANALYZE chimera.campaign")
    mark = (await reads.changed(Campaign)).mark
    await admin.execute("UPDATE chimera.campaign SET version = version + 1, state = state, body = '{ }'")
    await admin.execute("ANALYZE chimera.campaign")
    (ended,) = await admin.fetch("UPDATE chimera.campaign SET version = 3, state = 'cancelled' WHERE id = "
                                 "(SELECT min(id::text)::uuid FROM chimera.campaign) RETURNING id")  # fmt: skip
    assert (await reads.changed(Campaign, since=mark)).versions == {str(ended["id"]): 3}
    await admin.execute("SET plan_cache_mode = force_generic_plan")
    look = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('changed', 'campaign')}")
    assert _pages(await look.fetchval(mark, "00000000-0000-0000-0000-000000000000", 1_000)) < 12
    everything = await admin.prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query_of('list', 'campaign')}")
    assert _pages(await everything.fetchval(None, ["opened", "running"], None, None, None, 1_000)) > 50, "what it was"
    await admin.close()


@pytest.mark.requirement("R-A2")
async def test_a_change_that_is_committed_late_is_not_passed_over(database: Database) -> None:
    """It was made before the look and could not be seen then; what came after it could."""
    reads = await database.open_reads(Role.MANAGER)
    slow, quick = await database.connect(), await database.connect()
    mark = (await reads.changed(Agent)).mark
    under_way = slow.transaction()
    await under_way.start()
    (late,) = await slow.fetch(_AGENTS, 1)
    (soon,) = await quick.fetch(_AGENTS, 1)
    first = await reads.changed(Agent, since=mark)
    assert first.versions == {str(soon["id"]): 1}
    await under_way.commit()
    second = await reads.changed(Agent, since=first.mark)
    assert str(late["id"]) in second.versions
    third = await reads.changed(Agent, since=second.mark)
    assert third.versions == {}
    await slow.close()
    await quick.close()


@pytest.mark.requirement("R-A2")
async def test_numbers_that_a_dump_brought_along_are_no_news_for_ever(database: Database) -> None:
    """Another server had come further with its transactions; and one that was set back knows of nothing since."""
    reads, admin = await database.open_reads(Role.MANAGER), await database.connect()
    (brought,) = await admin.fetch(_AGENTS, 1)
    await admin.execute("ALTER TABLE chimera.agent DISABLE TRIGGER changed")
    await admin.execute("UPDATE chimera.agent SET changed = changed + 1000000")
    await admin.execute("ALTER TABLE chimera.agent ENABLE TRIGGER changed")
    mark = (await reads.changed(Agent)).mark
    assert (await reads.changed(Agent, since=mark)).versions == {}
    await admin.execute("UPDATE chimera.agent SET version = 2")
    assert (await reads.changed(Agent, since=mark)).versions == {str(brought["id"]): 2}
    assert (await reads.changed(Agent, since=mark + 1_000_000)).versions == {str(brought["id"]): 2}, "set back"
    await admin.close()


@pytest.mark.requirement("R-A5", "R-A7")
async def test_what_is_halted_is_told_once_for_all_dossiers_of_a_look(database: Database) -> None:
    """With 5,000 halts in force each of 256 dossiers brought the whole list with it."""
    manager, admin = await database.open("manager-0", Role.MANAGER), await database.connect()
    samples = Samples()
    grants = [samples.grant(expires_at_us=2**60) for _ in range(3)]
    await manager.commit(change(*grants))
    await admin.execute("""
        INSERT INTO chimera.halt (id, version, state, scope, shard, due_us, rank, body)
        SELECT gen_random_uuid(), 1, 'active', 'agent:' || n, 0, 0, 0, '{}' FROM generate_series(1, 5000) AS n""")
    told = await admin.fetch("SELECT cardinality(halted) FROM chimera.dossiers($1::uuid[])", [one.id for one in grants])
    assert sorted((row[0] or 0) for row in told) == [0, 0, 5_000]
    await admin.close()


def _pages(plan: str) -> int:
    return msgspec.json.decode(plan)[0]["Plan"]["Shared Hit Blocks"]
