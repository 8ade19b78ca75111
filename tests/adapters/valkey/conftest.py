"""A Valkey of its own for these tests, ended by its own id."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from chimera.adapters.local.valkey import RunningValkey, start_valkey
from chimera.adapters.valkey.connection import Valkey


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[RunningValkey]:
    running = await start_valkey(tmp_path / "h")
    try:
        yield running
    finally:
        await running.stop()


@pytest.fixture
async def valkey(server: RunningValkey) -> AsyncGenerator[Valkey]:
    connection = Valkey(server.url)
    try:
        yield connection
    finally:
        await connection.close()
