"""A history that somebody edited by hand is named: chain, sequence, what differs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest

from chimera.adapters.postgres.store import PostgresStore
from chimera.domain.event import Link
from chimera.domain.roles import Role
from chimera.governance.audit import verify_history
from chimera.ports.store import LIST_MAX
from chimera.testing.store_samples import change
from tests.adapters.postgres.conftest import Database

Links: TypeAlias = Callable[..., Awaitable[tuple[Link, ...]]]

EDITS = {
    "UPDATE chimera.event SET body = replace(encode(body, 'escape'), '7', '8')::bytea WHERE seq = 7": [(7, "the body")],
    "UPDATE chimera.event SET hash = sha256(hash) WHERE seq = 7": [(7, "the body"), (8, "the body")],
    "DELETE FROM chimera.event WHERE seq BETWEEN 7 AND 8": [(7, "sequences 7 to 8 missing"), (9, "the body")],
    "DELETE FROM chimera.event WHERE seq = 10": [(10, "sequence 10 missing")],
    "DELETE FROM chimera.event": [(1, "sequences 1 to 10 missing")],
    "UPDATE chimera.event SET seq = 107 WHERE seq = 7; UPDATE chimera.event SET seq = 7 WHERE seq = 10; "
    "UPDATE chimera.event SET seq = 10 WHERE seq = 107": [
        (7, "the body"),
        (8, "the body"),
        (10, "the body"),
        (10, "the last hash"),
    ],
    "UPDATE chimera.head SET hash = sha256(hash) WHERE seq = 10": [(10, "the last hash")],
    "UPDATE chimera.head SET seq = 11 WHERE seq = 10": [(11, "sequence 11 missing")],
    "INSERT INTO chimera.event SELECT writer, 11, hash, body FROM chimera.event WHERE seq = 10": [
        (11, "there are events")
    ],
}


@pytest.mark.requirement("R-N4", "R-E7")
@pytest.mark.parametrize("edit", EDITS)
async def test_an_edited_history_is_named(database: Database, edit: str) -> None:
    store, admin = await database.open("manager-1", Role.MANAGER), await database.connect()
    for number in range(1, 11):
        await store.commit(change(note=f"step {number}"))
    other = await database.open("manager-2", Role.MANAGER)
    await other.commit(change(note="another chain"))
    reads = await database.open_reads(Role.AUDITOR)
    report = await verify_history(reads)
    assert (report.verified, report.chains, report.events) == (True, 2, 11)
    await admin.execute(edit.replace("WHERE", "WHERE writer = 'manager-1' AND") if "WHERE" in edit else edit)
    report = await verify_history(reads)
    flaws = [flaw for flaw in report.flaws if flaw.writer == "manager-1"]
    expected = EDITS[edit]
    assert [flaw.seq for flaw in flaws] == [seq for seq, _ in expected]
    assert all(flaw.what.startswith(what) for flaw, (_, what) in zip(flaws, expected, strict=True))
    await admin.close()


@pytest.mark.requirement("R-N4")
async def test_a_chain_that_grows_while_it_is_read_is_no_flaw(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await database.open("manager-1", Role.MANAGER)
    await store.commit(change(note="before"))

    monkeypatch.setattr(store, "links", _after_another_commit(store))
    assert (await verify_history(store)).verified


def _after_another_commit(store: PostgresStore) -> Links:
    """Commits between the reading of the heads and of the links."""
    links = store.links

    async def commit_and_read(writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]:
        await store.commit(change(note="meanwhile"))
        return await links(writer, after_seq=after_seq, limit=limit)

    return commit_and_read
