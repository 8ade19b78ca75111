"""Serves the simulated network to others: over standard input and output, or over HTTP, with its audience alive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server
from msgspec import Struct

from chimera.connectors.sandbox import server as sandbox
from chimera.connectors.sandbox.overseer import App, Overseer
from chimera.ports.clock import Clock
from chimera.rehearsal import world
from chimera.rehearsal.happenings import Happening
from chimera.rehearsal.scenario import Scenario

STEP_SECONDS = 0.25


async def serve_stdio(scenario: Scenario, clock: Clock, *, accounts: tuple[str, ...] = ()) -> None:
    """Serve one client until it hangs up."""
    built = world.build(scenario, clock, accounts=accounts)
    async with _alive(built, clock), stdio_server() as (read_stream, write_stream):
        server = sandbox.build(built.line)
        await server.run(read_stream, write_stream, server.create_initialization_options())


class Address(Struct, frozen=True, kw_only=True):
    """Where to listen, and the token for whoever scores the rehearsal ("": nobody does)."""

    host: str = "127.0.0.1"
    port: int = 0
    overseer_token: str = ""


async def serve_http(scenario: Scenario, clock: Clock, address: Address, *, accounts: tuple[str, ...] = ()) -> None:
    """Serve many clients until stopped, at `/mcp`."""
    built = world.build(scenario, clock, accounts=accounts)
    async with _alive(built, clock) as happened:
        app = http_app(sandbox.build(built.line), host=address.host)
        if address.overseer_token:
            app = Overseer(app, built, happened, token=address.overseer_token)
        await listener(app, host=address.host, port=address.port).serve()


def http_app(server: Server[Any], *, host: str) -> App:
    """The server as an ASGI application. It protects itself against names rebound to this machine."""
    return server.streamable_http_app(json_response=True, stateless_http=True, host=host)


def listener(app: App, *, host: str, port: int) -> uvicorn.Server:
    """The application as something that listens."""
    return uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False))


@contextlib.asynccontextmanager
async def _alive(built: world.World, clock: Clock) -> AsyncGenerator[list[Happening]]:
    happened: list[Happening] = []
    living = asyncio.create_task(_live(built, clock, happened), name="sandbox-audience")
    try:
        yield happened
    finally:
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living


async def _live(built: world.World, clock: Clock, happened: list[Happening]) -> None:
    while True:
        happened += built.audience.step(clock.now_us())
        await clock.sleep(STEP_SECONDS)
