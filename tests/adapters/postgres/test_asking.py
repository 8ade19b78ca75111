"""What an error of the database means to whoever asked it one question."""

from __future__ import annotations

import asyncpg
import pytest

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.store import pool_of
from chimera.domain.errors import ChimeraError, Conflict, Refused, Unavailable
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import PASSWORDS, Database


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        ("CH001", Conflict, "writer_fenced"),
        ("CH002", Refused, "write_not_permitted"),
        ("42501", Refused, "write_not_permitted"),
        ("40001", Unavailable, "store_unreachable"),
        ("53100", Unavailable, "store_unreachable"),
    ],
)
async def test_it_is_told_by_what_is_to_be_done(
    database: Database, state: str, error: type[ChimeraError], code: str
) -> None:
    pool = await pool_of(database.admin_dsn, Role.MANAGER, PASSWORDS[Role.MANAGER])
    raising = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
    with pytest.raises(error) as told:
        await asked(lambda: pool.execute(raising), what="the database of tests")
    assert told.value.code == code
    assert (error is Unavailable) == ("the database of tests" in told.value.message)
    await pool.close()


async def test_what_is_a_fault_of_ours_stays_one(database: Database) -> None:
    pool = await pool_of(database.admin_dsn, Role.MANAGER, PASSWORDS[Role.MANAGER])
    with pytest.raises(asyncpg.PostgresSyntaxError):
        await asked(lambda: pool.execute("SELEKT 1"), what="the database of tests")
    await pool.close()
