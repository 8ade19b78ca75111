"""Installing: idempotent, refuses a rewritten migration, keeps the rules and the partitions current."""

from __future__ import annotations

import asyncpg
import pytest

from chimera.adapters.postgres.install import install
from chimera.domain.budget import HOLD_MACHINE
from chimera.domain.campaign import CAMPAIGN_MACHINE, INPUT_MACHINE
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Conflict, Invalid, Unavailable
from chimera.domain.grant import PERFORMANCE_MACHINE, SEAL_MACHINE, Batch
from chimera.domain.halt import HALT_MACHINE
from chimera.domain.machine import C, Machine, S
from chimera.domain.review import REVIEW_MACHINE
from chimera.domain.roles import MAY_READ, Role, rules
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

WEEK_US = 7 * DAY_US


def _open_states(machine: Machine[S, C]) -> set[str]:
    return {state.value for state in machine.states if not machine.is_final(state)}


async def _partition_of(admin: asyncpg.Connection, kind: str, identifier: str) -> str:
    return await admin.fetchval(f'SELECT tableoid::regclass::text FROM chimera."{kind}" WHERE id = $1', identifier)


@pytest.mark.requirement("R-G1")
async def test_installing_again_changes_nothing(database: Database) -> None:
    store = await database.open("manager-1", Role.MANAGER)
    batch = Samples().batch()
    await store.commit(change(batch))
    await install(database.admin_dsn, PASSWORDS)
    await install(database.admin_dsn, {})
    assert await store.get(Batch, batch.id) == batch
    await store.commit(change(Samples(entropy=1).batch()))


@pytest.mark.requirement("R-G1", "R-L1")
async def test_a_server_that_is_away_is_no_fault_of_ours_and_a_wrong_address_is_said(database: Database) -> None:
    """Nearly every command begins here: whoever is on call is to read what it is, not where our code was."""
    with pytest.raises(Unavailable, match="does not answer") as away:
        await install("postgresql://somebody@127.0.0.1:1/chimera", {})
    assert away.value.code == "store_unreachable"
    of_nobody = database.server.dsn(database.name, "nobody")
    for wrong in (of_nobody, database.server.dsn("no-such-database"), "an address of something else"):
        with pytest.raises(Invalid) as refused:
            await install(wrong, {})
        assert refused.value.code == "database_url_wrong"


@pytest.mark.requirement("R-D8")
async def test_the_rules_in_the_database_are_those_of_the_domain(database: Database) -> None:
    admin = await database.connect()
    await admin.execute(
        "DELETE FROM chimera.role_writes; INSERT INTO chimera.role_writes VALUES ('effects', 'grant', "
        "'insert', '*'); GRANT SELECT ON chimera.attempt TO chimera_effects"
    )
    await install(database.admin_dsn, {})
    rows = await admin.fetch("SELECT role, kind, verb, state FROM chimera.role_writes")
    assert {tuple(row) for row in rows} == set(rules())
    for role in Role:
        rows = await admin.fetch(
            "SELECT kind FROM chimera.kinds WHERE has_table_privilege($1, format('chimera.%I', kind), 'SELECT')",
            f"chimera_{role.value}",
        )
        assert {row["kind"] for row in rows} == MAY_READ[role]
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_a_migration_that_was_rewritten_is_refused(database: Database) -> None:
    admin = await database.connect()
    await admin.execute("UPDATE chimera.migration SET digest = 'other' WHERE name LIKE '%tables'")
    await admin.close()
    with pytest.raises(Conflict, match="migration_changed"):
        await install(database.admin_dsn, {})


@pytest.mark.requirement("R-A5", "R-G1")
async def test_what_is_still_to_be_done_is_found_by_an_index(database: Database) -> None:
    admin = await database.connect()
    rows = await admin.fetch("SELECT kind, open_states FROM chimera.kinds")
    indexed = {row["kind"]: set(row["open_states"]) for row in rows}
    expected = {
        "campaign": _open_states(CAMPAIGN_MACHINE),
        "input": _open_states(INPUT_MACHINE),
        "seal": _open_states(SEAL_MACHINE),
        "performance": _open_states(PERFORMANCE_MACHINE),
        "hold": _open_states(HOLD_MACHINE),
        "review": _open_states(REVIEW_MACHINE),
        "halt": _open_states(HALT_MACHINE),
    }
    assert {kind: indexed[kind] for kind in expected} == expected
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_every_week_has_its_partition_and_nothing_is_refused_for_lack_of_one(database: Database) -> None:
    store, admin = await database.open("manager-1", Role.MANAGER), await database.connect()
    now_us = await store.now_us()
    # Beyond the weeks that an installation makes, and long before it.
    batches = [Samples(start_us=at_us).batch() for at_us in (now_us, now_us + 6 * WEEK_US, now_us - 50 * WEEK_US, 0)]
    for batch in batches:
        await store.commit(change(batch))
    places = [await _partition_of(admin, "batch", batch.id) for batch in batches]
    assert places[0].startswith("chimera.batch_20")
    assert places[1:] == ["chimera.batch_default"] * 3
    maintenance = await database.connect(Role.MAINTENANCE)
    # What lies in no week that there was gets one; what carries a time that cannot be does not.
    assert await maintenance.fetchval("SELECT chimera.make_partitions(4)") == 9
    assert await maintenance.fetchval("SELECT chimera.make_partitions(4)") == 0
    assert await maintenance.fetchval("SELECT chimera.make_partitions(7)") == 3 * 9
    places = [await _partition_of(admin, "batch", batch.id) for batch in batches]
    assert all(place.startswith("chimera.batch_20") for place in places[:3])
    assert places[3] == "chimera.batch_default"
    in_order = tuple(sorted(batches, key=lambda each: each.id))
    assert await store.get_many(Batch, [batch.id for batch in batches]) == in_order
    await maintenance.close()
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_an_id_is_unique_across_partitions_and_events_across_blocks(database: Database) -> None:
    admin = await database.connect()
    keys = await admin.fetch("""
        SELECT conrelid::regclass::text AS name, pg_get_constraintdef(oid) AS key FROM pg_constraint
        WHERE contype = 'p' AND conrelid::regclass::text IN ('chimera.task', 'chimera.event')""")
    assert {row["name"]: row["key"] for row in keys} == {
        "chimera.task": "PRIMARY KEY (id)",
        "chimera.event": "PRIMARY KEY (writer, seq)",
    }
    await admin.close()


@pytest.mark.requirement("R-G1")
async def test_a_password_that_is_set_anew_is_the_one_that_counts(database: Database) -> None:
    await install(database.admin_dsn, {Role.AUDITOR: "changed"})
    try:
        connection = await asyncpg.connect(database.admin_dsn, user="chimera_auditor", password="changed")
        await connection.close()
        with pytest.raises(asyncpg.InvalidPasswordError):
            await database.connect(Role.AUDITOR)
    finally:
        await install(database.admin_dsn, {Role.AUDITOR: PASSWORDS[Role.AUDITOR]})


@pytest.mark.requirement("R-N4")
async def test_an_auditor_reads_everything_and_opens_no_writer(database: Database) -> None:
    store = await database.open("manager-1", Role.MANAGER)
    await store.commit(change(Samples().batch()))
    reads = await database.open_reads(Role.AUDITOR)
    assert len(await reads.links("manager-1")) == 1
    assert await reads.count(Batch) == {"recorded": 1}
