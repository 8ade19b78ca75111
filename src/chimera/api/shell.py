"""What surrounds every request, before any route: sizes, hosts, and the headers that tell browsers what not to do.

Pure ASGI, so that a stream passes through it untouched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, TypeAlias

from chimera.api.problems import response_of
from chimera.domain.errors import Invalid
from chimera.ports.clock import Clock

BODY_BYTES_MAX = 1024 * 1024
DEPTH_MAX = 32

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Answered: TypeAlias = Callable[[str, str, int, float], None]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

HEADERS = (
    # Mantine writes its variables into style elements; scripts come from us alone and never inline.
    (b"content-security-policy",
     b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
     b"font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
     b"frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)  # fmt: skip


class Shell:
    """Around the application. CORS is strict by absence: no other origin is ever told that it may read."""

    def __init__(self, app: App, *, hosts: Collection[str], clock: Clock, answered: Answered) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._answered = answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        speak = self._speaking(scope, send)
        try:
            self._require_host(scope)
            body = await _body_of(scope, receive)
        except Invalid as error:
            await response_of(error)(scope, receive, speak)
            return
        with contextlib.suppress(Exception):
            # Whatever it was has been answered and logged; the connection stays.
            await self._app(scope, receive if body is None else _replay(body, receive), speak)

    def _speaking(self, scope: Scope, send: Send) -> Send:
        """Sends with our headers, and counts the answer when it begins."""
        since_us = self._clock.now_us()

        async def speak(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *HEADERS]
                route = getattr(scope.get("route"), "path", "none")
                seconds = (self._clock.now_us() - since_us) / 1_000_000
                self._answered(str(scope["method"]), str(route), int(message["status"]), seconds)
            await send(message)

        return speak

    def _require_host(self, scope: Scope) -> None:
        """A name that was rebound to this machine is not ours, whatever its page can reach."""
        host = _header(scope, b"host").decode("latin-1")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if "*" not in self._hosts and name not in self._hosts:
            raise Invalid("host_not_served", "this name is not served here", where="Host",
                          remedy="use the address that chimera printed, or set CHIMERA_API_HOSTS")  # fmt: skip


async def _body_of(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, checked for its size and depth; nothing for requests that have none."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS", "DELETE"):
        return None
    length = _header(scope, b"content-length")
    if length.isdigit() and int(length) > BODY_BYTES_MAX:
        raise _too_large()
    parts, size = list[bytes](), 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise Invalid("request_malformed", "the request broke off", where="body", remedy="send well-formed JSON")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY_BYTES_MAX:
            raise _too_large()
        if not message.get("more_body"):
            body = b"".join(parts)
            require_shallow(body)
            return body


def require_shallow(body: bytes) -> None:
    """Refuse JSON that is nested deeper than anything we read. Brackets within texts do not count."""
    depth, in_text, escaped = 0, False, False
    if body.count(b"[") + body.count(b"{") <= DEPTH_MAX:
        return
    for byte in body:
        if in_text:
            escaped, in_text = (byte == 0x5C and not escaped), (byte != 0x22 or escaped)
        elif byte == 0x22:
            in_text = True
        elif byte in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise Invalid(
                    "request_too_deep", f"nested deeper than {DEPTH_MAX} levels", where="body", remedy="send it flatter"
                )
        elif byte in b"]}":
            depth -= 1


def _too_large() -> Invalid:
    return Invalid("request_too_large", f"a request has at most {BODY_BYTES_MAX} bytes", where="body",
                   remedy="send less")  # fmt: skip


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for key, value in scope["headers"] if key == name), b"")
