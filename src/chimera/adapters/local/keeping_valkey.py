"""Starts the embedded Valkey again when it died under a running fleet. What it held is gone, and nobody needs it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from chimera.adapters.local.keeping import Kept, kept_server
from chimera.adapters.local.valkey import RunningValkey, start_valkey


@contextlib.asynccontextmanager
async def kept_valkey(home: Path, *, users: Mapping[str, str]) -> AsyncGenerator[Kept[RunningValkey]]:
    """A server with these users that is there for as long as the block runs, and is stopped at its end."""
    async with kept_server("Valkey", lambda: start_valkey(home, users=users)) as kept:
        yield kept
