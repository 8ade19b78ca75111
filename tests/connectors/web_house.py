"""A small web of our own: a server whose every answer a test writes, and which keeps what it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.system.web import addresses_of, is_public
from chimera.connectors.web.fetching import Fetcher, Ways

OK = "200 OK"


@dataclass(frozen=True)
class Asked:
    path: str
    headers: dict[str, str]


@dataclass
class Web:
    """What stands where. A page is a whole answer: status, headers, body."""

    port: int = 0
    pages: dict[str, Callable[[Asked], bytes] | bytes] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"http://{self.host}{path}"

    def paths(self) -> list[str]:
        return [one.path for one in self.asked]


def answer(body: bytes | str, *, kind: str = "text/html", status: str = OK, more: str = "") -> bytes:
    data = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}\r\n".encode() + data


@asynccontextmanager
async def serving() -> AsyncGenerator[Web]:
    web = Web()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        asked = Asked(first.split(" ")[1], headers)
        web.asked.append(asked)
        found = web.pages.get(asked.path, answer("nothing here", status="404 Not Found"))
        writer.write(found(asked) if callable(found) else found)
        with suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    async with server:
        yield web


def fetcher(web: Web, *, private: bool = False, host_seconds: float = 0.0) -> Fetcher:
    """With the test's server among the hosts that the operator named, unless it is to be a stranger."""
    hosts = frozenset() if private else frozenset({web.host})
    return Fetcher(Ways(addresses_of, is_public, hosts), SystemClock(), host_seconds=host_seconds)
