"""Reads addresses over HTTP and HTTPS and nothing else: no files, no redirects. Says where a name leads."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.error
import urllib.request
from http.client import HTTPResponse


def _opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


_OPENER = _opener()


async def addresses_of(host: str, port: int) -> tuple[str, ...]:
    """Where a name leads; `OSError` when it leads nowhere."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address) for *_, (address, *_) in found))


def is_public(address: str) -> bool:
    """Whether an address is on the open network, and not in ours."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_global and not (mapped or parsed).is_multicast


def open_address(request: urllib.request.Request, *, seconds_max: float) -> HTTPResponse:
    """The answer, to be read and closed by whoever asked; `URLError` when there is none."""
    answer = _OPENER.open(request, timeout=seconds_max)
    if answer is None:
        raise urllib.error.URLError("this is no address of HTTP or HTTPS")
    return answer
