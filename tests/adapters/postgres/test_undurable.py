"""A server that would lose in a crash what it said that it has is told from one that would not."""

from __future__ import annotations

import pytest

from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import Database

pytestmark = pytest.mark.requirement("R-G2")


async def test_what_is_switched_off_is_named(database: Database) -> None:
    reads, admin = await database.open_reads(Role.AUDITOR), await database.connect()
    shown = {name: await admin.fetchval(f"SHOW {name}") for name in ("fsync", "full_page_writes")}
    assert await reads.undurable() == tuple(name for name, setting in shown.items() if setting == "off")
    assert "off" in shown.values(), "servers of tests are thrown away"
    await admin.execute("SET synchronous_commit = off")
    assert "synchronous_commit" not in await reads.undurable(), "each connection sets it for itself"
    await admin.close()
