"""Listens on this machine. Takes its port, or a free one when that is taken; leaves signals to whoever runs it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator

import uvicorn
from msgspec import Struct

from chimera.api.shell import App

LEAVE_SECONDS_MAX = 2
BACKLOG = 2_048
CONNECTIONS_MAX = 4_000


class Listening(Struct, frozen=True, kw_only=True):
    """Where it listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for a browser."""
        return f"http://{self.host}:{self.port}"


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        # Whoever runs us ends us, in its order.
        yield


@contextlib.asynccontextmanager
async def listening(app: App, *, host: str, port: int) -> AsyncGenerator[Listening]:
    """Serve while the block runs."""
    sock = _bound(host, port)
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False,
                            timeout_graceful_shutdown=LEAVE_SECONDS_MAX, limit_concurrency=CONNECTIONS_MAX,
                            proxy_headers=False)  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[sock]), name="api")
    try:
        yield Listening(host=host, port=sock.getsockname()[1])
    finally:
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)
        sock.close()


def _bound(host: str, port: int) -> socket.socket:
    """A socket at this port, or at a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for wanted in (port, 0):
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, wanted))
        except OSError:
            sock.close()
            if wanted == 0:
                raise
            continue
        sock.listen(BACKLOG)
        return sock
    raise AssertionError("the last try raises")
