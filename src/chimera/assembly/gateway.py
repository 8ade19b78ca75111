"""Assembles the door for outside agents: tool servers, pins, permissions, tokens, the way in. It decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from typing import Any

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.local.home import prepare_home
from chimera.adapters.local.tokens import AgentTokens
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly import people, tools
from chimera.assembly.discovery import write_card
from chimera.domain.access import SCOPES
from chimera.domain.costing import read_prices
from chimera.domain.errors import Missing, Refused, Unavailable
from chimera.governance.egress import Egress
from chimera.governance.identity.accesses import Accesses
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Intake
from chimera.ports.store import Store
from chimera.ports.toolbox import Selection, ToolServers
from chimera.settings import Settings
from chimera.swarm.roster import Roster

START_SECONDS = 0.01
LOCAL = ("127.0.0.1", "localhost", "[::1]")
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


def tokens_of(settings: Settings) -> AgentTokens:
    """The tokens of this home's outside agents."""
    return AgentTokens(prepare_home(settings.folder))


@contextlib.asynccontextmanager
async def gateway(settings: Settings, store: Store) -> AsyncGenerator[Any]:
    """What answers outside agents, with its tool servers alive while the block runs."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.gateway.asking import Asking
    from chimera.gateway.door import Guards, ToolDoor
    from chimera.gateway.outside import OutsideCalls
    from chimera.gateway.server import Gateway
    from chimera.governance.tools.book import PinBook

    clock = SystemClock()
    async with _servers(settings) as servers:
        await servers.discover()
        roster = Roster(reads=store, clock=clock)
        guards = Guards(
            may_use=roster.may_use,
            may_act=roster.may_act,
            security=tools.scanner(),
            egress=Egress(settings.read_hosts.split(",")),
        )
        intake = Intake(security=tools.scanner(), store=store, clock=clock, ids=SystemIds())
        yield Gateway(
            asking=Asking(SecurityGateway(CachedScanner(shipped_scanner()), store=store)),
            door=ToolDoor(servers, PinBook(reads=store, clock=clock), guards),
            calls=OutsideCalls(
                store=store, intake=intake, clock=clock, ids_from=SystemIds(), prices=read_prices(settings.tool_prices)
            ),
            selection=_Indexed(servers).current,
        )


@contextlib.asynccontextmanager
async def over_http(settings: Settings, store: Store, *, host: str, port: int) -> AsyncGenerator[str]:
    """The gateway as something that listens at `/mcp`, for whoever has a token or is admitted; its address."""
    import uvicorn

    from chimera.gateway.server import Gateway

    with _listening(host, port) as listening:
        address = f"http://{_bracketed(host)}:{listening.getsockname()[1]}"
        public = _public_address(settings, host, address)
        async with gateway(settings, store) as made:
            assert isinstance(made, Gateway), "it was made a line above"
            app = _guarded(settings, store, made, public)
            server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
            running = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started and not running.done():  # noqa: ASYNC110 – uvicorn has no event for it.
                await asyncio.sleep(START_SECONDS)
            try:
                yield f"{address}/mcp"
            finally:
                server.should_exit = True
                await running


def _guarded(settings: Settings, store: Store, made: Any, public: str) -> Any:  # noqa: ANN401 – imported when used.
    """The gateway's app behind the library's own check of tokens, with its authorization server beside it."""
    from mcp.server.auth.middleware.bearer_auth import RequireAuthMiddleware
    from mcp.server.auth.routes import build_resource_metadata_url
    from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions, RevocationOptions
    from mcp.server.transport_security import TransportSecuritySettings
    from pydantic import AnyHttpUrl
    from starlette.routing import Route, request_response

    from chimera.gateway.a2a import AgentToAgent
    from chimera.gateway.card import ENDPOINT, WELL_KNOWN
    from chimera.gateway.oauth import CONSENT, DoorTokens, HouseAuthorization
    from chimera.gateway.server import VERSION, caller

    resource = f"{public}/mcp"
    authorization = HouseAuthorization(accesses_of(settings, store), issuer=public, resource=resource,
                                       console=_console_of(settings))  # fmt: skip
    given = AuthSettings.model_validate({
        "issuer_url": public, "resource_server_url": resource, "validate_token_resource": True,
        "client_registration_options": ClientRegistrationOptions(
            enabled=True, valid_scopes=list(SCOPES), default_scopes=list(SCOPES)
        ),
        "revocation_options": RevocationOptions(enabled=True),
    })  # fmt: skip
    name, metadata = AnyHttpUrl(public), build_resource_metadata_url(AnyHttpUrl(resource))
    to_agents = AgentToAgent(answer=made.answer, cancel=made.cancel)
    hosts = [f"{one}:*" for one in LOCAL] + [name.host or "", f"{name.host}:{name.port}"]
    return made.server(caller).streamable_http_app(
        json_response=True, stateless_http=True, auth=given, auth_server_provider=authorization,
        token_verifier=DoorTokens(tokens_of(settings), authorization, resource=resource),
        custom_starlette_routes=[
            Route(CONSENT, authorization.consent, methods=["GET"]),
            Route(WELL_KNOWN, _card_route(write_card(settings, public, version=VERSION)), methods=["GET"]),
            Route(ENDPOINT, RequireAuthMiddleware(request_response(to_agents.handle), [], metadata), methods=["POST"]),
        ],
        transport_security=TransportSecuritySettings(
            enable_dns_rebinding_protection=True, allowed_hosts=hosts,
            allowed_origins=[public, *(f"http://{one}:*" for one in LOCAL)],
        ),
    )  # fmt: skip


def _card_route(card: bytes) -> Any:  # noqa: ANN401 – imported when used.
    from starlette.requests import Request
    from starlette.responses import Response

    async def show(_request: Request) -> Response:
        return Response(card, media_type="application/json", headers={"Cache-Control": "max-age=300"})

    return show


def accesses_of(settings: Settings, store: Store) -> Accesses:
    """Which programs people have let in, over this store."""
    return Accesses(store=store, ids_from=SystemIds(), secrecy=people.secrecy_of(settings), permits=load_permits())


def _console_of(settings: Settings) -> str:
    """Where a person's browser finds the console: as set, or on this machine beside a door that stays on it."""
    if settings.console_url or settings.gateway_url:
        return settings.console_url.rstrip("/")
    return f"http://localhost:{settings.api_port}" if settings.api_port else ""


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise Unavailable("gateway_port_taken", f"cannot listen on {host}:{port}: {error.strerror}", where="--port",
                          remedy="choose another port, or 0 for a free one") from error  # fmt: skip


def _public_address(settings: Settings, host: str, address: str) -> str:
    """Where clients reach the door: as set, or here. Tokens do not go over open lines."""
    public = settings.gateway_url.rstrip("/") or address
    if not public.startswith("https://") and (settings.gateway_url or host not in LOCAL_HOSTS):
        raise Refused("gateway_url_unencrypted", f"{public} would carry tokens over an open line", where="--host",
                      remedy="listen on 127.0.0.1, behind https, and name that in CHIMERA_GATEWAY_URL")  # fmt: skip
    return public


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


async def over_stdio(settings: Settings, store: Store, *, token: str) -> None:
    """The gateway on standard input and output, for the agent whose token this is, until it hangs up."""
    from mcp.server.stdio import stdio_server

    from chimera.gateway.callers import Caller
    from chimera.gateway.server import Gateway

    agent_id = tokens_of(settings).agent_of(token)
    if agent_id is None:
        raise Refused("agent_token_unknown", "this is nobody's token", where="token",
                      remedy="chimera gateway token makes one")  # fmt: skip
    async with gateway(settings, store) as made, stdio_server() as (read_stream, write_stream):
        assert isinstance(made, Gateway), "it was made a line above"
        server = made.server(lambda _context: Caller(agent_id=agent_id))
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
