"""Fetches one address of the open web, within limits: size, time, redirects, pace, and never an address of ours.

The name is looked up here and the connection goes to the very address that was looked at, so that a name which leads
elsewhere a moment later leads nowhere. Sends no cookie and no credential, and knows no proxy.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

import httpx2
from msgspec import Struct

from chimera.domain.recent import Recent
from chimera.ports.clock import Clock
from chimera.ports.network import Declined

AGENT = "chimera"
SECONDS_MAX = 15.0
CONNECT_SECONDS_MAX = 5.0
REDIRECTS_MAX = 5
ADDRESS_LENGTH_MAX = 2_000
HOST_SECONDS = 1.0  # Between two requests to one host.
WAIT_SECONDS_MAX = 10.0
PAUSE_SECONDS = 60.0
HOSTS_KEPT_MAX = 10_000
_MOVED = (301, 302, 303, 307, 308)
_PORTS = {"http": 80, "https": 443}
May: TypeAlias = Callable[[str], Awaitable[Declined | None]]


class Ways(Struct, frozen=True):
    """How names are looked up, which addresses are open, and hosts inside that the operator named all the same."""

    addresses_of: Callable[[str, int], Awaitable[tuple[str, ...]]]
    is_public: Callable[[str], bool]
    private_hosts: frozenset[str] = frozenset()


class Got(Struct, frozen=True, kw_only=True):
    """What came back: from where in the end, of which kind, and how to ask whether it has changed."""

    url: str
    status: int
    kind: str
    data: bytes
    etag: str = ""
    modified: str = ""


class Fetcher:
    """`async with Fetcher(…) as fetcher`: one after another for each host, many hosts at once."""

    def __init__(self, ways: Ways, clock: Clock, *, host_seconds: float = HOST_SECONDS) -> None:
        self._ways = ways
        self._clock = clock
        self._host_seconds = host_seconds
        self._free_us: dict[str, int] = {}
        self._delays: Recent[str, float] = Recent(HOSTS_KEPT_MAX)
        timeout = httpx2.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(timeout=timeout, limits=limits, follow_redirects=False, trust_env=False)

    async def __aenter__(self) -> Fetcher:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    def slow_down(self, host: str, *, seconds: float) -> None:
        """What the host asked for between two requests."""
        self._delays[host] = seconds

    async def get(
        self, url: str, *, accept: str, bytes_max: int, headers: Mapping[str, str] | None = None, may: May | None = None
    ) -> Got | Declined:
        """Whatever stands there, redirects followed; `may` is asked before every step."""
        for _ in range(REDIRECTS_MAX + 1):
            if isinstance(place := _place_of(url), Declined):
                return place
            if may is not None and (refused := await may(url)):
                return refused
            if refused := await self._paced(place.host):
                return refused
            try:
                async with self._clock.timeout(SECONDS_MAX):
                    got = await self._once(url, place, {"Accept": accept, **(headers or {})}, bytes_max)
            except TimeoutError:
                return Declined("web_unreachable", f"{place.host} takes too long", later=True)
            if isinstance(got, Declined) or got.status not in _MOVED:
                return got
            url = got.url
        return Declined("web_redirects", f"more than {REDIRECTS_MAX} redirects")

    async def _once(self, url: str, place: _Place, headers: dict[str, str], bytes_max: int) -> Got | Declined:
        address = await self._address_of(place)
        if isinstance(address, Declined):
            return address
        # To the address that was looked at; the name stands in Host, and is what the certificate has to be for.
        target = httpx2.URL(url).copy_with(host=address)
        request = self._client.build_request(
            "GET", target, extensions={"sni_hostname": place.host},
            headers={"Host": place.authority, "User-Agent": AGENT, "Accept-Encoding": "gzip", **headers},
        )  # fmt: skip
        try:
            response = await self._client.send(request, stream=True)
            try:
                return await self._answered(url, place, response, bytes_max)
            finally:
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            why = f"{place.host} does not answer: {type(error).__name__}"
            return Declined("web_unreachable", why, later=True)

    async def _answered(self, url: str, place: _Place, response: httpx2.Response, bytes_max: int) -> Got | Declined:
        status = response.status_code
        if status in _MOVED:
            return Got(url=urljoin(url, response.headers.get("location", "")), status=status, kind="", data=b"")
        if status in (429, 503):
            waits = response.headers.get("retry-after", "")
            self._pause(place.host, seconds=float(waits) if waits.isdigit() else PAUSE_SECONDS)
            return Declined("rate_limited", f"{place.host} asks for a pause", later=True)
        data = b"" if status == 304 else await _read(response, bytes_max)
        if isinstance(data, Declined):
            return data
        kind = response.headers.get("content-type", "").partition(";")[0].strip().casefold()
        return Got(url=url, status=status, kind=kind, data=data, etag=response.headers.get("etag", "")[:300],
                   modified=response.headers.get("last-modified", "")[:100])  # fmt: skip

    async def _address_of(self, place: _Place) -> str | Declined:
        """One address of the host, if all of them are open."""
        try:
            found = await self._ways.addresses_of(place.host, place.port)
        except OSError:
            return Declined("web_unreachable", f"{place.host} leads nowhere", later=True)
        if not found:
            return Declined("web_unreachable", f"{place.host} leads nowhere", later=True)
        inside = [address for address in found if not self._ways.is_public(address)]
        if inside and not {place.host, place.authority} & self._ways.private_hosts:
            return Declined("web_address_private", f"{place.host} leads into a private network")
        return found[0]

    async def _paced(self, host: str) -> Declined | None:
        now_us = self._clock.now_us()
        free_us = max(now_us, self._free_us.get(host, 0))
        if free_us - now_us > WAIT_SECONDS_MAX * 1_000_000:
            return Declined("rate_limited", f"{host} is asked too often", later=True)
        if len(self._free_us) >= HOSTS_KEPT_MAX:
            self._free_us = {one: until for one, until in self._free_us.items() if until > now_us}
        self._free_us[host] = free_us + int(max(self._host_seconds, self._delays.get(host, 0.0)) * 1_000_000)
        if free_us > now_us:
            await self._clock.sleep((free_us - now_us) / 1_000_000)
        return None

    def _pause(self, host: str, *, seconds: float) -> None:
        until_us = self._clock.now_us() + int(max(seconds, 1.0) * 1_000_000)
        self._free_us[host] = max(until_us, self._free_us.get(host, 0))


class _Place(Struct, frozen=True):
    host: str
    port: int
    authority: str


def _place_of(url: str) -> _Place | Declined:
    """Where an address points, if it is one of HTTP without a name and a password in it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, None
    if (
        parts is None
        or len(url) > ADDRESS_LENGTH_MAX
        or parts.scheme not in _PORTS
        or not host
        or not url.isprintable()
    ):
        return Declined("web_address_malformed", "this is no address of HTTP or HTTPS")
    if parts.username is not None or parts.password is not None:
        return Declined("web_address_malformed", "an address with a name or a password in it is not asked")
    shown = f"[{host}]" if _is_six(host) else host
    return _Place(host, port or _PORTS[parts.scheme], f"{shown}:{port}" if port else shown)


def _is_six(host: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        return False


async def _read(response: httpx2.Response, bytes_max: int) -> bytes | Declined:
    """The whole body, and no more of it unpacked than is allowed packed."""
    too_large = Declined("web_too_large", f"it has more than {bytes_max} bytes")
    parts: list[bytes] = []
    total = 0
    async for part in response.aiter_raw():
        total += len(part)
        if total > bytes_max:
            return too_large
        parts.append(part)
    data = b"".join(parts)
    match response.headers.get("content-encoding", "identity").casefold():
        case "identity" | "":
            return data
        case "gzip":
            return _unpacked(data, bytes_max) or too_large
        case other:
            return Declined("web_unreadable", f"it is packed as {other[:40]!r}")


def _unpacked(data: bytes, bytes_max: int) -> bytes | Declined | None:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, bytes_max)
    except zlib.error:
        return Declined("web_unreadable", "it is packed and cannot be unpacked")
    return None if unpacker.unconsumed_tail else unpacked
