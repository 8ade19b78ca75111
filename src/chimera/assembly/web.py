"""Assembles the way to the open web: feeds and pages, as MCP servers and as read tools. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chimera.adapters.local.by_tool import ByTool
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.system.web import addresses_of, is_public
from chimera.assembly import tools as fleet_tools
from chimera.ports.store import Reads
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings
from chimera.swarm.roster import Roster

FEEDS, PAGES = "feeds", "pages"
SECONDS_MAX = 60.0  # Redirects, a pause that a site asked for, and reading what came.
SERVERS = {FEEDS: "feeds by their addresses: RSS, Atom, JSON Feed", PAGES: "web pages as readable text"}


@contextlib.asynccontextmanager
async def connector(settings: Settings, *names: str) -> AsyncGenerator[Any]:
    """The MCP server of what is named: feeds, pages, or both."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.connectors import desk
    from chimera.connectors.web.fetching import Fetcher, Ways
    from chimera.connectors.web.reading import FEED_TOOL, INSTRUCTIONS, PAGE_TOOL, Feeds, Pages, ReadingRoom

    inside = frozenset(host.strip().casefold() for host in settings.web_private_hosts.split(",") if host.strip())
    clock = SystemClock()
    async with Fetcher(Ways(addresses_of, is_public, inside), clock) as fetcher:
        feeds = Feeds(fetcher, clock, fresh_seconds=settings.feed_seconds)
        offered = {FEEDS: (FEED_TOOL, feeds.read), PAGES: (PAGE_TOOL, Pages(fetcher, clock).read)}
        chosen = [offered[name] for name in names]
        room = ReadingRoom({tool.name: reader for tool, reader in chosen})
        yield desk.build(f"chimera-{'-'.join(names)}", room, [tool for tool, _ in chosen], instructions=INSTRUCTIONS)


@contextlib.asynccontextmanager
async def webbed(settings: Settings, tools: ToolsRead, *, reads: Reads) -> AsyncGenerator[ToolsRead]:
    """The read tools with the open web among them, for agents that may read it."""
    # Imported when used, as above.
    from chimera.adapters.mcp.session import McpSession
    from chimera.adapters.mcp.tools_read import McpToolsRead

    clock = SystemClock()
    async with connector(settings, FEEDS, PAGES) as server, McpSession(server, clock) as session:
        may_use = Roster(reads=reads, clock=clock).may_use
        web = McpToolsRead({"web": session}, may_use=may_use, security=fleet_tools.scanner(),
                           call_seconds_max=SECONDS_MAX)  # fmt: skip
        yield ByTool(tools, {"web": web, "feed": web})
