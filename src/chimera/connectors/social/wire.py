"""HTTP to one server of a network, and for each failure whether the request can have had an effect. Repeats nothing.

`NotSent`: nothing left this machine. `Lost`: it was sent, and no answer tells what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

import httpx2
import msgspec
from msgspec import Struct

SECONDS_MAX = 15.0
CONNECT_SECONDS_MAX = 5.0
ANSWER_BYTES_MAX = 4 * 1024 * 1024
TOO_MANY = 429


class NotSent(Exception):
    """Nothing was sent."""


class LoginRefused(NotSent):
    """The account's proof is not good. Trying again does not help."""


class Lost(Exception):
    """It was sent; nobody knows what came of it."""


class Reply(Struct, frozen=True, kw_only=True):
    """What a server answered."""

    status: int
    body: Any
    retry_seconds: float = 0.0
    # When a network says so instead: the second, since 1970, from which it may be asked again.
    reset_second: int = 0
    # Of an upload in pieces: where it goes on, and how many bytes of it the server has.
    location: str = ""
    has_bytes: int = 0

    @property
    def is_good(self) -> bool:
        """Whether it did what was asked."""
        return 200 <= self.status < 300

    @property
    def is_unclear(self) -> bool:
        """Whether something behind the server failed, perhaps after the act."""
        return self.status >= 500

    @property
    def said(self) -> str:
        """The server's own words about a failure."""
        told = self._told
        inner = told.get("error")
        said = cast("dict[str, Any]", inner).get("message") if isinstance(inner, dict) else inner
        return str(told.get("message") or told.get("detail") or said or f"status {self.status}")[:300]

    @property
    def fault(self) -> str:
        """The server's own name for a failure."""
        return str(self._told.get("error", ""))

    @property
    def _told(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.body) if isinstance(self.body, dict) else {}


class Unreadable(Exception):
    """The server does not say."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.said)
        self.later = reply.is_unclear or reply.status == TOO_MANY


class Wire:
    """`async with Wire(origin) as wire`: requests to one origin."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        timeout = httpx2.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX)
        # A connection for each request: one that the server has just closed would look like a lost reply.
        limits = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(
            base_url=origin, timeout=timeout, limits=limits, follow_redirects=False, trust_env=False,
            headers={"User-Agent": "chimera", "Accept": "application/json"},
        )  # fmt: skip

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None, json: object = None, content: bytes | None = None,
        form: Mapping[str, Any] | None = None,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
    ) -> Reply:  # fmt: skip
        """One request and its whole answer, within bounds."""
        request = self._client.build_request(
            method, path, headers=dict(headers or {}), params=dict(query or {}), json=json, content=content,
            data=dict(form) if form else None, files=dict(files) if files else None,
        )  # fmt: skip
        try:
            response = await self._client.send(request, stream=True)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout) as error:
            raise NotSent(f"{type(error).__name__}: {error}"[:200]) from error
        except httpx2.HTTPError as error:
            raise Lost(f"{type(error).__name__}: {error}"[:200]) from error
        try:
            return _reply_of(response, await _read(response))
        except httpx2.HTTPError as error:
            raise Lost(f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            await response.aclose()


async def _read(response: httpx2.Response) -> bytes:
    parts: list[bytes] = []
    total = 0
    async for part in response.aiter_bytes():
        parts.append(part)
        total += len(part)
        if total > ANSWER_BYTES_MAX:
            raise Lost(f"the answer has more than {ANSWER_BYTES_MAX} bytes")
    return b"".join(parts)


def _reply_of(response: httpx2.Response, data: bytes) -> Reply:
    """An answer that is not JSON has no body that anybody could use."""
    try:
        body: Any = msgspec.json.decode(data) if data else {}
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        body = {}
    waits = response.headers.get("retry-after", "")
    reset = response.headers.get("x-rate-limit-reset", "")
    return Reply(status=response.status_code, body=body, retry_seconds=float(waits) if waits.isdigit() else 0.0,
                 reset_second=int(reset) if reset.isdigit() and len(reset) < 12 else 0,
                 location=response.headers.get("location", ""),
                 has_bytes=_bytes_in(response.headers.get("range", "")))  # fmt: skip


def _bytes_in(range_header: str) -> int:
    """How many bytes `bytes=0-41` are; 0 for what is no such range."""
    last = range_header.removeprefix("bytes=0-")
    return int(last) + 1 if last != range_header and last.isdigit() and len(last) < 12 else 0
