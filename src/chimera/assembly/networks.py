"""Assembles the ways to real networks: a connector for each, with the secrets of its accounts. It decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from chimera.adapters.local.home import prepare_home
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import calendar, media, tools, web
from chimera.assembly.counting import counting
from chimera.assembly.minds import models
from chimera.connectors.social.accounts import Accounts
from chimera.connectors.social.configured import NEVER, TRIED_ON, UNTIL, Configured, Keyless, read_networks
from chimera.domain.errors import Missing
from chimera.domain.offered import Tool
from chimera.domain.roles import Role
from chimera.ports.clock import Clock
from chimera.ports.model import Model
from chimera.ports.network import KnownNetwork, Network
from chimera.ports.publisher import Publisher, Traits
from chimera.ports.store import Reads
from chimera.ports.tools_read import ToolsRead
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.settings import Settings
from chimera.swarm.roster import Roster

FILE = "networks.toml"
Connecting: TypeAlias = AbstractAsyncContextManager[Any]
JOURNALS = "networks"
# Connectors that are no network's.
HOUSE: Mapping[str, Callable[[Settings], Connecting]] = {"images": media.connector, "calendar": calendar.connector}
# What each kind of network can do about doubt. Mastodon forgets our key after an hour, and its like never knew it.
DEDUPLICATES = {"bluesky": True, "mastodon": False, "nostr": True, "x": False, "threads": False,
                "instagram": False, "youtube": False}  # fmt: skip


def networks_file(settings: Settings) -> Path:
    """The file that names the networks."""
    return Path(settings.networks_file).expanduser() if settings.networks_file else settings.folder / FILE


def configured(settings: Settings) -> Mapping[str, Configured]:
    """The networks that this installation has accounts on."""
    return read_networks(networks_file(settings))


def known(settings: Settings) -> Mapping[str, KnownNetwork]:
    """The networks that are configured here, and the rehearsal's, with nothing that lets anybody in."""
    found = configured(settings) if networks_file(settings).is_file() else dict[str, Configured]()
    mine = {
        name: KnownNetwork(kind=one.kind, exercised=TRIED_ON[one.kind] != NEVER, until_us=_until(settings, name))
        for name, one in found.items()
    }
    return {"sandbox": KnownNetwork(kind="sandbox", exercised=True), **mine}


def _until(settings: Settings, name: str) -> Mapping[str, int]:
    """Until when the tokens of a network's accounts are good, where the network says so."""
    path = settings.folder / JOURNALS / f"{name}{UNTIL}"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, int]) if path.is_file() else {}


def configured_one(settings: Settings, name: str) -> Configured:
    """One of them, by its name."""
    found = configured(settings)
    if name not in found:
        raise Missing("network_unknown", f"there is no network {name[:60]!r}", where=str(networks_file(settings)),
                      remedy=f"it has {', '.join(sorted(found)) or 'none'}")  # fmt: skip
    return found[name]


def named(settings: Settings, name: str) -> Connecting:
    """A connector by its name: the studio, the calendar, one to the open web, or to a network of this installation."""
    if name in web.SERVERS:
        return web.connector(settings, name)
    if name in HOUSE:
        return HOUSE[name](settings)
    return connector(settings, name, configured_one(settings, name), SystemClock())


@contextlib.asynccontextmanager
async def connector(settings: Settings, name: str, network: Configured, clock: Clock) -> AsyncGenerator[Any]:
    """The MCP server in front of one network."""
    # Imported when used: each loads what its network needs, and the MCP library takes longer to load than all the rest.
    from chimera.adapters.mcp.fleet.entries import Secrets
    from chimera.connectors import desk
    from chimera.connectors.social.journal import Journal
    from chimera.connectors.social.surface import INSTRUCTIONS
    from chimera.connectors.social.wire import Wire

    home = prepare_home(settings.folder)
    secrets = Secrets(home / tools.SECRETS)
    accounts = Accounts(network.accounts, lambda secret: secrets.fill(f"${{secret:{secret}}}"))
    journal = home / JOURNALS / f"{name}.jsonl"
    async with contextlib.AsyncExitStack() as stack:
        match network.kind:
            case "bluesky":
                from chimera.connectors.bluesky.network import TOOLS, BlueskyNetwork

                wire = await stack.enter_async_context(Wire(network.address))
                behind, offered = BlueskyNetwork(wire, accounts, clock), TOOLS
            case "mastodon":
                from chimera.connectors.mastodon.network import TOOLS, MastodonNetwork

                wire = await stack.enter_async_context(Wire(network.address))
                offered = TOOLS
                behind = MastodonNetwork(wire, accounts, Journal(journal, clock), clock,
                                         characters_max=network.characters_max)  # fmt: skip
            case "nostr":
                from chimera.connectors.nostr.network import TOOLS, NostrNetwork

                offered = TOOLS
                behind = NostrNetwork(network.relays, accounts, Journal(journal, clock), clock,
                                      characters_max=network.characters_max)  # fmt: skip
                stack.push_async_callback(behind.close)
            case "x" | "threads" | "instagram" | "youtube":
                opened, offered = _keyless(network.kind)
                wire = await stack.enter_async_context(Wire(network.address))
                behind = opened(wire, accounts, Journal(journal, clock), clock, tokens=journal.with_suffix(".tokens"))
        yield desk.build(f"chimera-{name}", behind, offered, instructions=INSTRUCTIONS)


def _keyless(kind: Keyless) -> tuple[Callable[..., Network], tuple[Tool, ...]]:
    """How one of the platforms that know no key of ours is opened, and what it offers."""
    # Imported when used, as above.
    match kind:
        case "x":
            from chimera.connectors.x.network import TOOLS, network
        case "threads":
            from chimera.connectors.threads.network import TOOLS, network
        case "instagram":
            from chimera.connectors.instagram.network import TOOLS, network
        case "youtube":
            from chimera.connectors.youtube.network import TOOLS, network
    return network, TOOLS


class Ways(Struct, frozen=True, kw_only=True):
    """The ways out of a house that is live."""

    model: Model
    judge_model: Model
    tools: ToolsRead
    publisher: Publisher


@contextlib.asynccontextmanager
async def live(settings: Settings, reads: Reads, *, dsn: str, passwords: Mapping[Role, str]) -> AsyncGenerator[Ways]:
    """Real networks, each through its connector; the models of the configuration, or else the offline one."""
    # Imported when used, as above.
    from chimera.adapters.mcp.publisher import McpPublisher, Route
    from chimera.adapters.mcp.session import McpSession
    from chimera.adapters.mcp.tools_read import McpToolsRead

    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        sessions: dict[str, McpSession] = {}
        routes: dict[str, Route] = {}
        for name, network in configured(settings).items():
            server = await stack.enter_async_context(connector(settings, name, network, clock))
            sessions[name] = await stack.enter_async_context(McpSession(server, clock))
            traits = Traits(deduplicates=DEDUPLICATES[network.kind], looks_up=True,
                            settling_seconds=float(network.settling_seconds))  # fmt: skip
            routes[name] = Route(session=sessions[name], traits=traits)
        offline = [
            OfflineModel(seed=seed, manners=Manners(misbehaviour_bp=0, obey_bp=0), clock=clock) for seed in (1, 2)
        ]
        mind, judge = await stack.enter_async_context(models(settings, *offline, reads=reads))
        roster = Roster(reads=reads, clock=clock)
        calls = await stack.enter_async_context(counting(settings, roster, dsn=dsn, passwords=passwords))
        yield Ways(
            model=mind,
            judge_model=judge,
            tools=McpToolsRead(sessions, may_use=roster.may_use, security=tools.scanner(), calls=calls),
            publisher=McpPublisher(routes, clock),
        )


@contextlib.asynccontextmanager
async def over_http(connecting: Connecting, *, host: str, port: int) -> AsyncGenerator[Any]:
    """A connector that listens at `/mcp`."""
    from chimera.connectors.sandbox.serving import http_server

    async with connecting as server:
        yield http_server(server, host=host, port=port)


async def over_stdio(connecting: Connecting) -> None:
    """A connector on standard input and output, until its client hangs up."""
    from mcp.server.stdio import stdio_server

    async with connecting as server, stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())
