"""Several commands at once: each has a writer of its own, nobody is fenced, and whoever is killed blocks nobody."""

from __future__ import annotations

import asyncio

import pytest

from chimera.adapters.postgres.store import PostgresStore, open_free_store
from chimera.adapters.postgres.turns import WRITERS_MAX
from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-G1")


async def opened(database: Database, *, wait_seconds: float = 20.0) -> PostgresStore:
    return await open_free_store(database.admin_dsn, name="cli", role=Role.OFFICE, password=PASSWORDS[Role.OFFICE],
                                 wait_seconds=wait_seconds)  # fmt: skip


async def note(store: PostgresStore) -> None:
    event = Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=await store.now_us())
    await store.commit(Change(events=(event,)))


async def test_each_has_its_own_writer_and_all_of_them_commit(database: Database) -> None:
    stores = await asyncio.gather(*(opened(database) for _ in range(WRITERS_MAX)))
    try:
        assert len({store.writer for store in stores}) == WRITERS_MAX
        await asyncio.gather(*(note(store) for store in stores))
        with pytest.raises(Conflict, match="commands are at work") as refusal:
            await opened(database, wait_seconds=0.1)
        assert refusal.value.code == "commands_too_many"
        waiting = asyncio.create_task(opened(database))
        await stores[3].close()
        late = await waiting
        assert late.writer == stores[3].writer, "whoever waited has what became free"
        await note(late)
        await late.close()
    finally:
        for number, store in enumerate(stores):
            if number != 3:
                await store.close()


async def test_whoever_was_killed_blocks_nobody_and_a_lost_connection_is_taken_again(database: Database) -> None:
    first = await opened(database)
    await note(first)
    admin = await database.connect()
    try:
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
                            f"chimera {first.writer}")  # fmt: skip
        await note(first)
        second = await opened(database)
        assert second.writer != first.writer
        await asyncio.gather(note(first), note(second))
        await second.close()
    finally:
        await admin.close()
        await first.close()
    third = await opened(database)
    assert third.writer == first.writer
    await third.close()
