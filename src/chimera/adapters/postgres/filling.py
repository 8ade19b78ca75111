"""Fills a database of its own with many rows for a measurement, as an administrator. Never for what people work on."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

import asyncpg
from msgspec import Struct

from chimera.adapters.postgres.sql import query
from chimera.domain.durations import DAY_US, HOUR_US

ROWS_AT_ONCE = 100_000


class Wanted(Struct, frozen=True, kw_only=True):
    """How much of what. `template` is a review's body with @ID@, @TASK@, @AGENT@, @RISK@, @STATE@ and "@DUE@" in it."""

    reviews: int
    events: int
    template: str
    agents: tuple[str, ...]
    writer: str
    writer_seq: int
    now_us: int


class Finished(Struct, frozen=True, kw_only=True):
    """Finished tasks, with the input that each answered. `campaigns` and `agents` belong together, place by place.

    The templates are bodies with @ID@, @CAMPAIGN@ and @AGENT@ in them, the task's with @INPUT@ too.
    """

    first: int
    last: int
    task: str
    input: str
    campaigns: tuple[str, ...]
    agents: tuple[str, ...]
    now_us: int


class Idle(Struct, frozen=True, kw_only=True):
    """Agents that nothing happens to, each with a standing campaign; numbered from `first` to `last`.

    The templates are bodies with @ID@ in them; the agent's with @NUMBER@, the campaign's with @AGENT@ too.
    """

    first: int
    last: int
    agent: str
    campaign: str
    now_us: int


async def fill_agents(admin_dsn: str, idle: Idle) -> None:
    """Put idle agents in, past every check and every chain."""
    prefix = (idle.now_us // 1_000 >> 16) - idle.last // 65_536 - 1
    async with _administering(admin_dsn) as connection:
        for first, last in _parts(idle.first, idle.last):
            await connection.execute(query("fill_agents"), idle.agent, idle.campaign, first, last, prefix)
        await connection.execute(query("fill_agents_settle"))


async def fill(admin_dsn: str, wanted: Wanted) -> None:
    """Put the rows in, past every check and every chain, and let the planner know."""
    async with _administering(admin_dsn) as connection:
        for first, last in _parts(1, wanted.reviews):
            await connection.execute(
                query("fill_reviews"), wanted.template, first, last, _prefix_of(wanted), list(wanted.agents),
                wanted.now_us + HOUR_US,
            )  # fmt: skip
        for first, last in _parts(1, wanted.events):
            past_us = wanted.now_us - 30 * DAY_US
            await connection.execute(query("fill_events"), wanted.writer, first + wanted.writer_seq,
                                     last + wanted.writer_seq, past_us, list(wanted.agents))  # fmt: skip
        await connection.execute(query("fill_head"), wanted.writer, wanted.writer_seq + wanted.events)
        await connection.execute(query("fill_analyze"))


async def fill_finished(admin_dsn: str, finished: Finished) -> int:
    """Put finished tasks in, one for each millisecond before now; how many bytes the database has then."""
    prefix = (finished.now_us // 1_000 >> 16) - finished.last // 65_536 - 1
    async with _administering(admin_dsn) as connection:
        for first, last in _parts(finished.first, finished.last):
            await connection.execute(query("fill_tasks"), finished.task, finished.input, first, last, prefix,
                                     list(finished.campaigns), list(finished.agents))  # fmt: skip
        await connection.execute(query("fill_tasks_settle"))
        await connection.execute("CHECKPOINT")
        return await connection.fetchval(query("database_bytes"))


@contextlib.asynccontextmanager
async def _administering(dsn: str) -> AsyncGenerator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(dsn, server_settings={"synchronous_commit": "off"}, command_timeout=3_600)
    try:
        yield connection
    finally:
        await connection.close()


def _parts(first: int, last: int) -> Sequence[tuple[int, int]]:
    return [(start, min(start + ROWS_AT_ONCE - 1, last)) for start in range(first, last + 1, ROWS_AT_ONCE)]


def _prefix_of(wanted: Wanted) -> int:
    """The first part of the ids: a month ago, so that they stand before everything that is new."""
    return (wanted.now_us // 1_000 >> 16) - 30 * 86_400_000 // 65_536
