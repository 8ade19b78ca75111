"""Fills a database of its own with many rows for a measurement, as an administrator. Never for what people work on."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from msgspec import Struct

from chimera.adapters.postgres.sql import query

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


async def fill(admin_dsn: str, wanted: Wanted) -> None:
    """Put the rows in, past every check and every chain, and let the planner know."""
    connection = await asyncpg.connect(admin_dsn, server_settings={"synchronous_commit": "off"}, command_timeout=3_600)
    try:
        for first, last in _parts(wanted.reviews):
            await connection.execute(
                query("fill_reviews"), wanted.template, first, last, _prefix_of(wanted), list(wanted.agents),
                wanted.now_us + 3_600_000_000,
            )  # fmt: skip
        for first, last in _parts(wanted.events):
            past_us = wanted.now_us - 30 * 86_400_000_000
            await connection.execute(query("fill_events"), wanted.writer, first + wanted.writer_seq,
                                     last + wanted.writer_seq, past_us, list(wanted.agents))  # fmt: skip
        await connection.execute(query("fill_head"), wanted.writer, wanted.writer_seq + wanted.events)
        await connection.execute(query("fill_analyze"))
    finally:
        await connection.close()


def _parts(many: int) -> Sequence[tuple[int, int]]:
    return [(first, min(first + ROWS_AT_ONCE, many + 1) - 1) for first in range(1, many + 1, ROWS_AT_ONCE)]


def _prefix_of(wanted: Wanted) -> int:
    """The first part of the ids: a month ago, so that they stand before everything that is new."""
    return (wanted.now_us // 1_000 >> 16) - 30 * 86_400_000 // 65_536
