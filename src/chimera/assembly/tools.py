"""Assembles what reaches tool servers: fleet, scanner, selection. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.local.home import prepare_home
from chimera.adapters.system.clock import SystemClock
from chimera.domain.costing import read_prices
from chimera.domain.errors import Missing
from chimera.domain.tools import Definition
from chimera.governance.egress import Egress
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.governance.tools.acts import ToolActs
from chimera.governance.tools.book import PinBook
from chimera.governance.tools.pins import Pins
from chimera.ports.publisher import Publisher
from chimera.ports.store import Reads, Store
from chimera.ports.toolbox import Selection, ToolServers
from chimera.ports.tools_read import ToolAnswer, ToolsRead
from chimera.settings import Settings
from chimera.swarm.roster import Roster

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


class ByServer:
    """Implements `ports.tools_read.ToolsRead`: what is named `server/tool` goes to the door, the rest is passed on."""

    def __init__(self, tools: ToolsRead, door: ToolsRead) -> None:
        self._tools = tools
        self._door = door

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """As whichever is asked answers."""
        behind = self._door if "/" in tool else self._tools
        return await behind.call(tool, arguments, agent_id=agent_id)


@contextlib.asynccontextmanager
async def behind_door(
    settings: Settings, tools: ToolsRead, publisher: Publisher, *, reads: Reads
) -> AsyncGenerator[tuple[ToolsRead, Publisher]]:
    """The two with the fleet's tool servers in front, by the door that outside agents use; without any, as they are."""
    try:
        tools_file(settings)
    except Missing:
        yield tools, publisher
        return
    # Imported when used, as above.
    from chimera.adapters.mcp.fleet.fleet import ToolFleet
    from chimera.adapters.mcp.tool_publisher import ToolPublisher
    from chimera.gateway.door import Guards, ToolDoor

    clock = SystemClock()
    async with tool_servers(settings) as servers:
        assert isinstance(servers, ToolFleet), "it was made a line above"
        roster, book = Roster(reads=reads, clock=clock), PinBook(reads=reads, clock=clock)
        guards = Guards(may_use=roster.may_use, security=scanner(), egress=Egress(settings.read_hosts.split(",")))
        asking = asyncio.create_task(servers.discover(), name="tool-discovery")
        try:
            yield (ByServer(tools, ToolDoor(servers, book, guards)),
                   ToolPublisher(publisher, servers, book, security=scanner(), clock=clock))  # fmt: skip
        finally:
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)


def tool_acts(settings: Settings, reads: Reads) -> ToolActs:
    """What looks at calls of tools that do more than read, before the gate is asked."""
    return ToolActs(book=PinBook(reads=reads, clock=SystemClock()), egress=Egress(settings.read_hosts.split(",")),
                    prices=read_prices(settings.tool_prices))  # fmt: skip


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
