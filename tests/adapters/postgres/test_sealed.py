"""What is about a person lies sealed in the database; whoever has the key reads it whole, and nobody else a word."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.adapters.postgres.store import PostgresStore, open_reads, open_store
from chimera.domain.campaign import Input
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.record import Record
from chimera.domain.roles import Role
from chimera.domain.subjects import ERASED
from chimera.governance.audit import verify_history
from chimera.testing.manual_clock import ManualClock
from tests.adapters.postgres.conftest import PASSWORDS, Database
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-D5")
MILA = "@canary_7f3a.example"
SAID = {"author": MILA, "text": "Wolfram-Canary-91", "post_id": "p-1", "platform": "sandbox"}
BLANK = dict.fromkeys(SAID, ERASED)
NOTED = (Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=1),)


class Books:
    """A manager and an office with keys, on a real database."""

    def __init__(self, database: Database, keys: LocalSubjectKeys, house: SmallHouse) -> None:
        self.database = database
        self.keys = keys
        self.house = house

    async def put(self, record: Record, role: Role = Role.MANAGER) -> None:
        store: PostgresStore = await open_store(self.database.admin_dsn, writer=role.value, role=role,
                                                password=PASSWORDS[role], keys=self.keys)  # fmt: skip
        try:
            await store.commit(Change(records=(record,), events=NOTED))
        finally:
            await store.close()

    async def read(self, record: Input, keys: LocalSubjectKeys | None) -> Input:
        reads = await open_reads(self.database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR],
                                 keys=keys)  # fmt: skip
        try:
            assert (await verify_history(reads)).verified
            return await reads.get(Input, record.id)
        finally:
            await reads.close()

    def input(self) -> Input:
        return Input(id=self.house.ids.new(), campaign_id=self.house.campaign.id, kind="mention", payload=SAID,
                     labels=("public",), threat="LOW", admitted_at_us=1)  # fmt: skip


@pytest.fixture
def books(database: Database, tmp_path: Path) -> Books:
    house = SmallHouse()
    return Books(database, LocalSubjectKeys(tmp_path, clock=ManualClock()), house)


async def body_of(database: Database, kind: str) -> bytes:
    connection = await database.connect()
    try:
        return bytes(await connection.fetchval(f'SELECT body FROM chimera."{kind}"'))
    finally:
        await connection.close()


async def test_the_key_makes_the_difference(books: Books) -> None:
    heard = books.input()
    await books.put(heard, Role.OFFICE)
    body = await body_of(books.database, "input")
    assert b"anary" not in body
    assert await books.read(heard, books.keys) == heard
    assert await books.read(heard, None) == replace(heard, payload=BLANK)


async def test_who_still_holds_what_was_erased_stores_blanks(books: Books) -> None:
    heard = books.input()
    await books.put(heard, Role.OFFICE)
    assert books.keys.destroy(books.keys.name_of(MILA), made_until_us=2**62)
    planned = replace(heard, version=2)
    await books.put(planned, Role.OFFICE)
    assert (await books.read(heard, books.keys)).payload == BLANK
    # Whoever writes again is somebody again.
    again = books.input()
    await books.put(again, Role.OFFICE)
    assert await books.read(again, books.keys) == again
    assert (await books.read(heard, books.keys)).payload == BLANK


async def test_the_maintenance_role_takes_seals_off_and_changes_nothing_beside_them(books: Books) -> None:
    heard = books.input()
    await books.put(heard, Role.OFFICE)
    body = await body_of(books.database, "input")
    connection = await books.database.connect(Role.MAINTENANCE)
    forged = body.replace(b'"threat":"LOW"', b'"threat":"MED"')
    plain = body[body.index(b'",') + 2 :]
    for now in (forged, b"{" + plain, body.replace(body[11:75], b"a" * 64)):
        with pytest.raises(asyncpg.PostgresError, match="only what is sealed"):
            await connection.fetchval("SELECT chimera.reseal('input', $1, $2, $3)", heard.id, body, now)
    with pytest.raises(asyncpg.PostgresError, match="nobody's name"):
        await connection.fetch("SELECT * FROM chimera.drop_seals('%')")
    name = books.keys.name_of(MILA)
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM chimera.drop_seals($1)", name)] == [
        ("input", 1)
    ]
    assert await body_of(books.database, "input") == b"{" + plain
    await connection.close()


async def test_nobody_else_may(books: Books) -> None:
    for role in (Role.OFFICE, Role.MANAGER, Role.EFFECTS, Role.AUDITOR):
        connection = await books.database.connect(role)
        for call in ("sealed_bodies()", "handles()", f"drop_seals('{'a' * 64}')", "reseal('input', NULL, NULL, NULL)"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT chimera.{call}")
        await connection.close()
