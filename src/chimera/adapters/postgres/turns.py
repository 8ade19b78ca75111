"""Gives each of several commands at once a writer of its own, so that none fences another. Decides nothing else.

A writer is taken by a lock of the database that ends with the connection, however that ends: a killed command blocks
nobody. There are few writers, because each is a chain for ever; when all are at work, the next command waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg

from chimera.adapters.postgres.sql import query
from chimera.domain.errors import Conflict

WRITERS_MAX = 8
WAIT_SECONDS_MAX = 120.0
PAUSE_SECONDS = 0.2
# The server may take a moment to notice that our own last connection is gone.
AGAIN_SECONDS_MAX = 10.0


async def take(connection: asyncpg.Connection[asyncpg.Record], writer: str, *, again: bool) -> None:
    """Take this writer for as long as the connection stands; again, after a lost connection, with some patience."""
    if again:
        await connection.fetchval(query("await_turn"), writer, timeout=AGAIN_SECONDS_MAX)
    elif not await connection.fetchval(query("take_turn"), writer):
        raise Conflict("commands_too_many", f"{WRITERS_MAX} commands are at work here", where=writer,
                       remedy="wait until one has ended")  # fmt: skip


def is_busy(error: Conflict) -> bool:
    """Whether this writer is at work in another command: then the next is tried."""
    return error.code == "commands_too_many"


async def free_writers(name: str, *, wait_seconds: float = WAIT_SECONDS_MAX) -> AsyncIterator[str]:
    """Writers to try, one after the other and again, for a bounded time: `cli`, `cli-2`, …"""
    clock = asyncio.get_running_loop().time
    end = clock() + wait_seconds
    while clock() < end:
        yield name
        for number in range(2, WRITERS_MAX + 1):
            yield f"{name}-{number}"
        await asyncio.sleep(PAUSE_SECONDS)
