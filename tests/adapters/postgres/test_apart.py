"""Where many write at once, batches of those who may wait keep apart; who comes alone is not kept waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from chimera.adapters.postgres.committer import Committer
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.store import APART_SECONDS
from chimera.domain.roles import Role
from chimera.domain.rows import write
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import Database
from tests.adapters.postgres.watched import WRITER, WatchedLine

pytestmark = pytest.mark.requirement("R-A5", "R-G1")


@pytest.fixture
async def line(database: Database) -> AsyncIterator[WatchedLine]:
    opened = WatchedLine(database)
    await opened.open()
    yield opened
    await opened.close()


async def test_behind_many_the_next_batch_waits_and_takes_all_that_came_meanwhile(line: WatchedLine) -> None:
    committer, samples = Committer(line, WRITER, Patience(20), apart_seconds=0.3), Samples()
    await asyncio.gather(*(committer.commit(write(change(samples.task()))) for _ in range(5)))
    await asyncio.gather(*(_later(committer, samples, seconds) for seconds in (0.0, 0.05, 0.1)))
    assert [one.changes for one in line.sent] == [5, 3]
    first, second = line.sent
    assert second.at - first.at >= 0.3


async def test_who_comes_alone_is_not_kept_waiting(line: WatchedLine) -> None:
    committer, samples = Committer(line, WRITER, Patience(20), apart_seconds=3_600.0), Samples()
    async with asyncio.timeout(60):
        for _ in range(5):
            await committer.commit(write(change(samples.task())))
    assert [one.changes for one in line.sent] == [1] * 5


async def test_those_that_ride_alone_do_not_wait_for_one_another(line: WatchedLine) -> None:
    committer, samples = Committer(line, WRITER, Patience(20), apart_seconds=3_600.0), Samples()
    async with asyncio.timeout(60):
        await asyncio.gather(*(committer.commit(write(change(samples.halt(f"agent:{name}")))) for name in "abc"))
    assert [one.changes for one in line.sent] == [1] * 3


def test_nobody_waits_for_who_may_not_wait() -> None:
    assert Role.MANAGER not in APART_SECONDS
    assert all(0 < seconds < 0.05 for seconds in APART_SECONDS.values())


async def _later(committer: Committer, samples: Samples, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await committer.commit(write(change(samples.task())))
