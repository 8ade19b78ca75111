"""A tool server at a URL: answers bounded, nothing compressed, no way to a private address that was not asked for.

The library follows redirects within the origin only; here every address is looked at before a byte is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import httpx2
from mcp.client.streamable_http import streamable_http_client

from chimera.adapters.mcp.fleet.entries import Entry, Limits, Secrets
from chimera.adapters.mcp.fleet.pipes import Streams, Told
from chimera.adapters.system.web import addresses_of, is_public

CONNECTIONS_MAX = 8
# A line for every request, at the level of what people should read, is no news.
logging.getLogger("httpx2").setLevel(logging.WARNING)


class _Counted(httpx2.AsyncByteStream):
    """The bytes of one answer, up to a limit: of all of it, or within each second of a stream that stays open."""

    def __init__(self, source: httpx2.AsyncByteStream, limits: Limits, told: Told, *, stays_open: bool) -> None:
        self._source = source
        self._bytes_max = limits.message_bytes_max
        self._told = told
        self._stays_open = stays_open

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop, second, count = asyncio.get_running_loop(), 0.0, 0
        async for chunk in self._source:
            if self._stays_open and loop.time() - second >= 1.0:
                second, count = loop.time(), 0
            count += len(chunk)
            if count > self._bytes_max:
                self._told.why = f"an answer has more than {self._bytes_max} bytes"
                raise httpx2.StreamError(self._told.why)
            yield chunk

    async def aclose(self) -> None:
        await self._source.aclose()


class Bounded(httpx2.AsyncBaseTransport):
    """Sends where it may, and hands on what is not too much."""

    def __init__(self, entry: Entry, told: Told) -> None:
        self._entry = entry
        self._told = told
        self._inner = httpx2.AsyncHTTPTransport(limits=httpx2.Limits(max_connections=CONNECTIONS_MAX))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self._require_public(request.url)
        request.headers["accept-encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        location = response.headers.get("location", "")
        if response.is_redirect:
            self._told.why = f"it redirects to {location[:120]!r}, which is not followed"
        if response.headers.get("content-encoding", "identity") != "identity":
            await response.aclose()
            self._told.why = "it compresses what it was asked to send plain"
            raise httpx2.StreamError(self._told.why)
        stays_open = request.method == "GET"
        source = cast("httpx2.AsyncByteStream", response.stream)
        response.stream = _Counted(source, self._entry.limits, self._told, stays_open=stays_open)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def _require_public(self, url: httpx2.URL) -> None:
        """Refuse a name that leads into our own network, unless the operator wrote the address itself."""
        written = httpx2.URL(self._entry.url)
        if self._entry.private_hosts or (url.host == written.host and _is_address(url.host)):
            return
        if url.host == "localhost" == written.host:
            return
        inside = [one for one in await addresses_of(url.host, url.port or 443) if not is_public(one)]
        if inside:
            self._told.why = f"{url.host} leads to the private address {inside[0]}"
            raise httpx2.ConnectError(self._told.why)


def _is_address(host: str) -> bool:
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return True
    return False


@contextlib.asynccontextmanager
async def wire(entry: Entry, secrets: Secrets, told: Told) -> AsyncGenerator[Streams]:
    """A transport to a URL, with the headers that the operator gave."""
    timeout = httpx2.Timeout(entry.limits.call_seconds_max, connect=entry.limits.connect_seconds_max)
    client = httpx2.AsyncClient(
        transport=Bounded(entry, told), headers=secrets.filled(entry.headers), timeout=timeout,
        follow_redirects=False, trust_env=False,
    )  # fmt: skip
    async with client, streamable_http_client(
        entry.url, http_client=client, max_sse_event_size=entry.limits.message_bytes_max
    ) as streams:  # fmt: skip
        yield cast("Streams", streams)
