"""The line of a writer: a batch goes out in one piece, as far as the system lets it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from chimera.adapters.postgres.line import SEND_BYTES, Line
from chimera.domain.roles import Role
from tests.adapters.postgres.conftest import Database

WMEM_MAX = Path("/proc/sys/net/core/wmem_max")


@pytest.mark.skipif(sys.platform != "linux", reason="how much room a socket gets is read off Linux's own setting")
async def test_a_batch_of_megabytes_does_not_wait_for_the_loop_to_come_round(database: Database) -> None:
    opened: list[asyncpg.Connection[asyncpg.Record]] = []

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        opened.append(await database.connect(Role.MANAGER))
        return opened[-1]

    line = Line(connect, "manager-1")
    await line.open()
    try:
        room = opened[0]._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        # Linux counts its own bookkeeping too, and doubles what it is asked for.
        assert room == 2 * min(SEND_BYTES, int(WMEM_MAX.read_text()))
    finally:
        await line.close()
