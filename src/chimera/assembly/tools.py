"""Assembles what reaches tool servers: fleet, scanner, selection. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Iterable
from functools import cache
from pathlib import Path

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.local.home import prepare_home
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Missing
from chimera.domain.tools import Definition
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.governance.tools.pins import Pins
from chimera.ports.store import Store
from chimera.ports.toolbox import Selection, ToolServers
from chimera.settings import Settings

FILES = ("tools.toml", "mcp.json")
SECRETS = "secrets"


def tools_file(settings: Settings) -> Path:
    """The file that names the tool servers."""
    if settings.tools_file:
        return Path(settings.tools_file).expanduser()
    found = next((path for name in FILES if (path := settings.folder / name).is_file()), None)
    if found is None:
        raise Missing("tools_file_missing", "there is no file of tool servers", where=str(settings.folder / FILES[0]),
                      remedy="write one: docs/guides/tools.md shows it")  # fmt: skip
    return found


@contextlib.asynccontextmanager
async def tool_servers(settings: Settings) -> AsyncGenerator[ToolServers]:
    """Every tool server of this installation, reached when needed while the block runs."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.adapters.mcp.fleet.entries import Secrets, read_entries
    from chimera.adapters.mcp.fleet.fleet import ToolFleet

    entries = read_entries(tools_file(settings))
    secrets = Secrets(prepare_home(settings.folder) / SECRETS)
    async with ToolFleet(entries, clock=SystemClock(), secrets=secrets) as fleet:
        yield fleet


def pins_desk(store: Store) -> Pins:
    """Where people approve tools."""
    return Pins(store=store, permits=load_permits(), security=scanner())


async def selection_of(definitions: Iterable[Definition]) -> Selection:
    """An index over tools, with the vectors that come in a wheel."""
    # Imported when used: it takes seconds, and most commands select nothing.
    from chimera.adapters.embeddings.word_vectors import WordVectors
    from chimera.gateway.selection import Selector

    return await Selector.made(definitions, WordVectors())


@cache
def scanner() -> SecurityGateway:
    """What looks for orders in descriptions and answers."""
    return SecurityGateway(CachedScanner(shipped_scanner()))
