"""What a login may not do, whatever code runs behind it: the database itself refuses."""

from __future__ import annotations

import asyncpg
import pytest

from chimera.domain.event import GENESIS
from chimera.domain.roles import WRITES, Role
from tests.adapters.postgres.conftest import Database

DENIED = asyncpg.InsufficientPrivilegeError
ROLES = tuple(Role)
# A batch of one change with one event.
NOTHING = ", ".join(["'{}'"] * 20)
COMMIT = f"SELECT o_seq FROM chimera.commit_batch($1, $2, 1, 1, 1, {NOTHING}, '{{1}}', ARRAY['x'::bytea])"


async def _relations(admin: asyncpg.Connection) -> list[str]:
    rows = await admin.fetch("""
        SELECT format('%I.%I', nspname, relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
        WHERE nspname = 'chimera' AND relkind IN ('r', 'p') ORDER BY 1""")
    return [row[0] for row in rows]


@pytest.mark.requirement("R-D8", "R-E2", "R-N4")
@pytest.mark.parametrize("role", ROLES)
async def test_no_login_writes_a_table(database: Database, role: Role) -> None:
    await database.open("manager-1", Role.MANAGER)
    admin, login = await database.connect(), await database.connect(role)
    relations = await _relations(admin)
    assert len(relations) > 60
    for relation in relations:
        for statement in (
            "INSERT INTO {} DEFAULT VALUES",
            "UPDATE {} SET ctid = ctid",
            "DELETE FROM {}",
            "TRUNCATE {}",
            "DROP TABLE {}",
            "ALTER TABLE {} DISABLE TRIGGER ALL",
        ):
            text = statement.format(relation)
            if statement.startswith("UPDATE"):
                columns = await admin.fetch(
                    "SELECT attname FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0", relation
                )
                if not columns:
                    continue
                text = f'UPDATE {relation} SET "{columns[0][0]}" = NULL'
            with pytest.raises(DENIED):
                await login.execute(text)
        with pytest.raises(DENIED):
            async with login.transaction():
                await login.execute(f"LOCK TABLE {relation} IN ROW SHARE MODE")
    await login.close()
    await admin.close()


WRITABLE = """
    SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' AND (
        c.relkind IN ('r', 'p', 'v', 'm', 'f') AND (
            has_table_privilege($1, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
            OR has_any_column_privilege($1, c.oid, 'INSERT, UPDATE, REFERENCES'))
        OR c.relkind = 'S' AND has_sequence_privilege($1, c.oid, 'USAGE, UPDATE')
        OR has_schema_privilege($1, n.oid, 'CREATE'))
    ORDER BY 1"""


@pytest.mark.requirement("R-D8", "R-E2", "R-N4")
@pytest.mark.parametrize("role", ROLES)
async def test_no_login_has_a_right_to_write_whatever_there_is(database: Database, role: Role) -> None:
    """By the catalogue, whatever a later migration brings: tables, partitions, views, columns, sequences, schemas."""
    admin, login = await database.connect(), f"chimera_{role.value}"
    assert await admin.fetch(WRITABLE, login) == []
    async with admin.transaction():
        await admin.execute("CREATE VIEW chimera.later AS SELECT * FROM chimera.calls_ahead")
        await admin.execute(f"GRANT UPDATE (calls) ON chimera.later TO {login}")
        assert [row[0] for row in await admin.fetch(WRITABLE, login)] == ["chimera.later"], "it would be seen"
    await admin.close()


@pytest.mark.requirement("R-D8")
@pytest.mark.parametrize("role", ROLES)
async def test_no_login_reaches_behind_the_doors(database: Database, role: Role) -> None:
    login = await database.connect(role)
    for statement in (
        "SET ROLE chimera_owner",
        "SET SESSION AUTHORIZATION chimera_owner",
        "CREATE TABLE chimera.mine (id int)",
        "CREATE FUNCTION chimera.caller() RETURNS text LANGUAGE sql AS $$ SELECT 'office' $$",
        "SELECT chimera.chain('manager-1', 0, '', '{}', '{}', '{}')",
        "SELECT chimera.write_insert_grant('{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', 1, 1)",
        "SELECT chimera.move_together('{}', '{}', '{}', '{}', '{}', '{}', '{}')",
        "SELECT * FROM chimera.role_writes",
        "SELECT * FROM chimera.migration",
    ):
        with pytest.raises(DENIED):
            await login.execute(statement)
    await login.close()


@pytest.mark.requirement("R-D8")
@pytest.mark.parametrize("role", ROLES)
async def test_only_the_role_of_a_writer_adds_to_its_chain(database: Database, role: Role) -> None:
    store = await database.open("office-1", Role.OFFICE)
    login = await database.connect(role)
    if role is Role.OFFICE:
        await login.execute(COMMIT, "office-1", 1)
        with pytest.raises(asyncpg.PostgresError, match="office-1") as caught:
            await login.execute(COMMIT, "office-1", 2)
        assert caught.value.sqlstate == "CH001"
    else:
        with pytest.raises(asyncpg.PostgresError) as caught:
            await login.execute(COMMIT, "office-1", 1)
        assert caught.value.sqlstate == ("CH002" if role in WRITES else "42501")
    (head,) = await store.heads()
    assert (head.seq, head.hash == GENESIS) == ((1, False) if role is Role.OFFICE else (0, True))
    await login.close()


@pytest.mark.requirement("R-A6")
async def test_what_a_lost_connection_still_had_to_say_is_fenced(database: Database) -> None:
    """The same instance goes on over another connection: what is late on the old one may no longer be written."""
    store = await database.open("office-1", Role.OFFICE)
    login = await database.connect(Role.OFFICE)
    continued = await login.fetchrow("SELECT epoch, session FROM chimera.open_writer('office-1', 1)")
    assert continued is not None and tuple(continued) == (1, 2)
    with pytest.raises(asyncpg.PostgresError) as caught:
        await login.execute(COMMIT, "office-1", 1)
    assert caught.value.sqlstate == "CH001"
    assert [head.seq for head in await store.heads()] == [0]
    await login.close()


# Three rows of which a role may not write any, as lists that do not begin together.
SHIFTED = """SELECT o_codes FROM chimera.commit_batch('effects-1', 1, 1, 1, 3, '{seal}', '{insert}', '{1}', '{3}',
    $1::text::int[], ARRAY[gen_random_uuid(), gen_random_uuid(), gen_random_uuid()], '{1,1,1}', $2::text::text[],
    '{NULL,NULL,NULL}', '{0,0,0}', '{NULL,NULL,NULL}', '{0,0,0}', ARRAY['{}', '{}', '{}']::bytea[],
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{1}', ARRAY['x'::bytea])"""


@pytest.mark.requirement("R-D8", "R-A6")
@pytest.mark.parametrize(("changes", "states"), [
    ("[2:4]={1,2,3}", "{taken,ready,taken}"),
    ("{1,2,3}", "[0:2]={taken,ready,taken}"),
    ("{1,2}", "{taken,ready,taken}"),
    ("{{1},{2},{3}}", "{{taken},{ready},{taken}}"),
])  # fmt: skip
async def test_lists_that_are_shifted_against_one_another_are_refused_whole(
    database: Database, changes: str, states: str
) -> None:
    """Whose right is looked up by one list and written from another could be another's."""
    store = await database.open("effects-1", Role.EFFECTS)
    login = await database.connect(Role.EFFECTS)
    with pytest.raises(asyncpg.PostgresError, match="different shapes") as caught:
        await login.fetch(SHIFTED, changes, states)
    assert caught.value.sqlstate == "CH002"
    assert [head.seq for head in await store.heads()] == [0]
    await login.close()


@pytest.mark.requirement("R-D8", "R-A6")
async def test_one_record_twice_in_a_forged_batch_is_refused_whole(database: Database) -> None:
    """An UPDATE from arrays with one id twice would keep one of them without a word."""
    await database.open("office-1", Role.OFFICE)
    login = await database.connect(Role.OFFICE)
    forge = """SELECT * FROM chimera.commit_batch(
        'office-1', 1, 1, $1, 2, '{halt}', ARRAY[$2::text], '{1}', $3::int[], '{1,2}',
        $4::uuid[], $5::bigint[], '{active,active}', '{fleet,fleet}', '{null,null}', '{null,null}', '{0,0}',
        ARRAY['a', 'b']::bytea[], '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{1,2}', ARRAY['x', 'y']::bytea[])"""
    one, two = "00000000-0000-7000-8000-000000000001", "00000000-0000-7000-8000-000000000002"
    await login.execute(forge, 1, "insert", [2], [one, two], [1, 1])
    for verb, ids, versions in (
        ("update", [one, one], [2, 2]),
        ("insert", [one, one], [1, 1]),
        ("update", [one, two], [2, 3]),
        ("insert", [one, two], [2, 2]),
    ):
        try:
            answer = await login.fetchrow(forge, 2, verb, [2], ids, versions)
        except asyncpg.PostgresError:
            continue
        assert answer is not None and answer["o_changes"]
    rows = await login.fetch("SELECT version FROM chimera.halt ORDER BY id")
    assert [row["version"] for row in rows] in ([1, 1], [2, 1])
    await login.close()


@pytest.mark.requirement("R-D8")
async def test_a_login_needs_its_own_password(database: Database) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(database.admin_dsn, user="chimera_manager", password="secret-office")


@pytest.mark.requirement("R-N4")
async def test_not_even_the_owner_breaks_a_window_by_hand(database: Database) -> None:
    admin = await database.connect()
    await admin.execute("INSERT INTO chimera.window_of_budget VALUES ('w|day|1', 'w|day', 10, 10, 4, 6, 0)")
    for change in (
        "held_micros = 5",
        "held_micros = -1, cap_micros = 10",
        "cap_micros = 9",
        "cap_micros = 11",
        "spent_micros = 7",
        "overrun_micros = -1",
        "limit_micros = -1",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(f"UPDATE chimera.window_of_budget SET {change}")
    await admin.close()
