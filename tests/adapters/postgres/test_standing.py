"""Windows that a writer has moved before are not looked for again, and nothing is lost where one of them is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chimera.adapters.postgres.arrays import texts
from chimera.adapters.postgres.committer import Committer
from chimera.adapters.postgres.movements import Standing
from chimera.adapters.postgres.patience import Patience
from chimera.domain.budget import Movement, moving
from chimera.domain.errors import Refused
from chimera.domain.roles import Role
from chimera.domain.rows import write
from chimera.testing.store_samples import change
from tests.adapters.postgres.conftest import Database
from tests.adapters.postgres.watched import WRITER, WatchedLine

pytestmark = pytest.mark.requirement("R-E2", "R-G1")
DAY, OWN = "fleet|day|2026-11-21", "agent:0193|day|2026-11-21"


@pytest.fixture
async def line(database: Database) -> AsyncIterator[WatchedLine]:
    opened = WatchedLine(database)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def committer(line: WatchedLine) -> Committer:
    return Committer(line, WRITER, Patience(20))


async def _hold(committer: Committer, micros: int, *windows: str) -> None:
    await committer.commit(write(change(movements=moving(windows, hold_micros=micros))))


async def _held(database: Database) -> dict[str, int]:
    admin = await database.connect()
    try:
        rows = await admin.fetch("SELECT id, held_micros FROM chimera.window_of_budget ORDER BY id")
    finally:
        await admin.close()
    return {row["id"]: row["held_micros"] for row in rows}


async def test_each_window_is_new_once(database: Database, committer: Committer, line: WatchedLine) -> None:
    await _hold(committer, 1, DAY)
    await _hold(committer, 1, DAY, OWN)
    await asyncio.gather(*(_hold(committer, 1, DAY, OWN) for _ in range(3)))
    first, second, *others = [one.unseen for one in line.sent]
    assert (first, second, set(others)) == (texts([DAY]), texts([OWN]), {texts([])})
    assert await _held(database) == {DAY: 5, OWN: 4}


async def test_what_was_refused_is_not_taken_for_seen(database: Database, committer: Committer) -> None:
    """Nothing was left behind of it, so the next one has to make it."""
    with pytest.raises(Refused):
        await _hold(committer, 10**15, OWN)
    assert await _held(database) == {}
    await _hold(committer, 1, OWN)
    assert await _held(database) == {OWN: 1}


async def test_a_window_that_is_gone_is_made_again(database: Database, committer: Committer) -> None:
    await _hold(committer, 1, DAY, OWN)
    admin = await database.connect()
    await admin.execute("DELETE FROM chimera.window_of_budget WHERE id = $1", OWN)
    await admin.close()
    await asyncio.gather(*(_hold(committer, 2, DAY, OWN) for _ in range(4)))
    assert await _held(database) == {DAY: 9, OWN: 8}


async def test_who_says_nothing_of_it_has_every_window_looked_for(database: Database, line: WatchedLine) -> None:
    """As a program of the version before does, while a database is ahead of it."""
    admin = await database.connect()
    taken = await admin.fetchval("SELECT pronargs - pronargdefaults FROM pg_proc WHERE proname = 'commit_batch'")
    manager = await database.connect(Role.MANAGER)
    nothing = "'{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'"
    told = await manager.fetchval(f"""SELECT o_codes FROM chimera.commit_batch($1, $2, 1, 1, 1, {nothing},
        '{{1}}', ARRAY['{OWN}'], '{{3}}', '{{0}}', '{{0}}', '{{}}', '{{}}', '{{1}}', ARRAY['x'::bytea])""",
        WRITER, line.epoch)  # fmt: skip
    await admin.close()
    await manager.close()
    assert (taken, told) == (27, [])
    assert await _held(database) == {OWN: 3}


def test_what_is_known_is_bounded() -> None:
    standing = Standing(most=2)
    assert standing.unseen([Movement(windows=("a", "b"))]) == {"a", "b"}
    standing.saw({"a", "b"})
    assert standing.unseen([Movement(windows=("a", "c"))]) == {"c"}
    standing.saw({"c"})
    assert standing.unseen([Movement(windows=("a", "b", "c"))]) == {"a", "b"}
