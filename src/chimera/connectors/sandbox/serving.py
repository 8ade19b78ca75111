"""Serves the simulated network to others: over standard input and output, or over HTTP, with its audience alive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.stdio import stdio_server

from chimera.connectors.sandbox import server as sandbox
from chimera.ports.clock import Clock
from chimera.rehearsal import world
from chimera.rehearsal.scenario import Scenario

STEP_SECONDS = 0.25


async def serve_stdio(scenario: Scenario, clock: Clock, *, accounts: tuple[str, ...] = ()) -> None:
    """Serve one client until it hangs up."""
    built = world.build(scenario, clock, accounts=accounts)
    async with alive(built, clock), stdio_server() as (read_stream, write_stream):
        server = sandbox.build(built.line)
        await server.run(read_stream, write_stream, server.create_initialization_options())


async def serve_http(scenario: Scenario, clock: Clock, *, host: str, port: int, accounts: tuple[str, ...] = ()) -> None:
    """Serve many clients until stopped, at `/mcp`."""
    built = world.build(scenario, clock, accounts=accounts)
    async with alive(built, clock):
        await http_server(sandbox.build(built.line), host=host, port=port).serve()


def http_server(server: Server[Any], *, host: str, port: int) -> uvicorn.Server:
    """The server as something that listens. It protects itself against names rebound to this machine."""
    app = server.streamable_http_app(json_response=True, stateless_http=True, host=host)
    return uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False))


@contextlib.asynccontextmanager
async def alive(built: world.World, clock: Clock) -> AsyncGenerator[None]:
    """The audience lives while the block runs."""
    living = asyncio.create_task(_live(built, clock), name="sandbox-audience")
    try:
        yield
    finally:
        living.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await living


async def _live(built: world.World, clock: Clock) -> None:
    while True:
        built.audience.step(clock.now_us())
        await clock.sleep(STEP_SECONDS)
