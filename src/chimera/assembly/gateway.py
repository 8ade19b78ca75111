"""Assembles the door for outside agents: tool servers, pins, permissions, tokens, the way in. It decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.tokens import AgentTokens
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly import tools
from chimera.domain.errors import Missing, Refused
from chimera.governance.egress import Egress
from chimera.pipeline.intake import Intake
from chimera.ports.store import Store
from chimera.ports.toolbox import Selection, ToolServers
from chimera.settings import Settings
from chimera.swarm.roster import Roster

START_SECONDS = 0.01


def tokens_of(settings: Settings) -> AgentTokens:
    """The tokens of this home's outside agents."""
    return AgentTokens(prepare_home(settings.folder))


@contextlib.asynccontextmanager
async def gateway(settings: Settings, store: Store) -> AsyncGenerator[Any]:
    """What answers outside agents, with its tool servers alive while the block runs."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.gateway.book import PinBook
    from chimera.gateway.door import Guards, ToolDoor
    from chimera.gateway.outside import OutsideCalls
    from chimera.gateway.server import Gateway

    clock = SystemClock()
    async with _servers(settings) as servers:
        await servers.discover()
        roster = Roster(reads=store, clock=clock)
        guards = Guards(may_use=roster.may_use, security=tools.scanner(), egress=Egress(settings.read_hosts.split(",")))
        intake = Intake(security=tools.scanner(), store=store, clock=clock, ids=SystemIds())
        yield Gateway(
            door=ToolDoor(servers, PinBook(reads=store, clock=clock), guards),
            calls=OutsideCalls(store=store, intake=intake, clock=clock, ids_from=SystemIds()),
            selection=_Indexed(servers).current,
        )


@contextlib.asynccontextmanager
async def over_http(settings: Settings, store: Store, *, host: str, port: int) -> AsyncGenerator[str]:
    """The gateway as something that listens at `/mcp`, for whoever has a token; its address."""
    import uvicorn

    from chimera.gateway.server import Gateway, TokensFirst, caller

    async with gateway(settings, store) as made:
        assert isinstance(made, Gateway), "it was made a line above"
        app = made.server(caller).streamable_http_app(json_response=True, stateless_http=True, host=host)
        guarded = TokensFirst(app, tokens_of(settings))
        server = uvicorn.Server(
            uvicorn.Config(guarded, host=host, port=port, log_level="warning", access_log=False, ws="none")
        )
        running = asyncio.create_task(server.serve())
        while not server.started and not running.done():  # noqa: ASYNC110 – uvicorn has no event for it.
            await asyncio.sleep(START_SECONDS)
        try:
            yield f"http://{host}:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await running


async def over_stdio(settings: Settings, store: Store, *, token: str) -> None:
    """The gateway on standard input and output, for the agent whose token this is, until it hangs up."""
    from mcp.server.stdio import stdio_server

    from chimera.gateway.server import Gateway

    agent_id = tokens_of(settings).agent_of(token)
    if agent_id is None:
        raise Refused("agent_token_unknown", "this is nobody's token", where="token",
                      remedy="chimera gateway token makes one")  # fmt: skip
    async with gateway(settings, store) as made, stdio_server() as (read_stream, write_stream):
        assert isinstance(made, Gateway), "it was made a line above"
        server = made.server(lambda _context: agent_id)
        await server.run(read_stream, write_stream, server.create_initialization_options())


class _Indexed:
    """The index over what the servers offer, made anew when that has changed."""

    def __init__(self, servers: ToolServers) -> None:
        self._servers = servers
        self._digests: frozenset[str] | None = None
        self._index: Selection | None = None

    async def current(self) -> Selection:
        """The index over what is offered now."""
        definitions = tuple(self._servers.definitions())
        digests = frozenset(f"{one.full_name} {one.digest}" for one in definitions)
        if self._index is None or digests != self._digests:
            self._index, self._digests = await tools.selection_of(definitions), digests
        return self._index


@contextlib.asynccontextmanager
async def _servers(settings: Settings) -> AsyncGenerator[ToolServers]:
    """The tool servers of this installation; an installation may have none."""
    try:
        tools.tools_file(settings)
    except Missing:
        from chimera.adapters.mcp.fleet.entries import Secrets
        from chimera.adapters.mcp.fleet.fleet import ToolFleet

        async with ToolFleet((), clock=SystemClock(), secrets=Secrets(settings.folder)) as none:
            yield none
        return
    async with tools.tool_servers(settings) as servers:
        yield servers
