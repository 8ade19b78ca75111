"""Idempotency keys: a write that is sent again under the same key gets the answer that it got.

Kept in the database for a day, encrypted, so that it holds across restarts and for every process of the API. An answer
with a secret in it is never kept. What must hold beyond that holds by ids and versions in the store.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import structlog
from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from chimera.api.route import Route
from chimera.domain.errors import ChimeraError, Conflict, Invalid
from chimera.domain.person import Principal
from chimera.ports.clock import Clock
from chimera.ports.replies import Known, ReplyStore
from chimera.ports.secrecy import Secrecy

HEADER = "idempotency-key"
KEY_LENGTH_MAX = 200
KEPT_US = 24 * 3600 * 1_000_000
WAIT_SECONDS, LOOKS_MAX = 0.1, 50
KEPT_HEADERS = ("content-type", "etag", "cache-control")
KEPT_BYTES_MAX = 1024 * 1024
_log = structlog.get_logger()


class _Kept(Struct, frozen=True, array_like=True):
    status: int
    headers: dict[str, str]
    body: bytes


class Replies:
    """Remembers what writes were answered, by person and key."""

    def __init__(self, *, store: ReplyStore, secrecy: Secrecy, clock: Clock) -> None:
        self._store = store
        self._secrecy = secrecy
        self._clock = clock

    async def known(self, request: Request, who: Principal) -> Response | None:
        """The answer from before, if this was asked before; the same request under way is waited for."""
        word = _key_of(request)
        if not word:
            return None
        key = hashlib.sha256(f"{who.person}\n{word}".encode()).digest()
        asked = b"\n".join((request.method.encode(), str(request.url).encode(), await request.body()))
        digest = hashlib.sha256(asked).digest()
        found = await self._begun(key, digest)
        if found.is_new:
            request.state.reply_key = key
            return None
        if found.digest != digest:
            raise Conflict("key_reused", "this key was used for another request", where=HEADER, remedy="use a new one")
        return self._answer(found)

    async def keep(self, request: Request, route: Route, response: Response) -> None:
        """Keep the answer: it is given again to whoever asks the same under the same key."""
        key: bytes | None = getattr(request.state, "reply_key", None)
        if key is None:
            return
        kept = b"" if route.is_secret or len(response.body) > KEPT_BYTES_MAX else self._locked(response)
        try:
            await self._store.keep(key, status=response.status_code, kept=kept)
        except ChimeraError as error:
            # What was asked is done all the same; under its key it stands as begun, and is not done twice.
            _log.warning("an answer could not be kept", why=str(error))

    async def forget(self, request: Request) -> None:
        """Nothing was done: whoever sends it again tries again."""
        key: bytes | None = getattr(request.state, "reply_key", None)
        if key is not None:
            await self._store.forget(key)

    async def expire(self) -> int:
        """Delete what is older than a day."""
        return await self._store.drop(before_us=self._clock.now_us())

    async def _begun(self, key: bytes, digest: bytes) -> Known:
        """What is known under a key, once the first of the requests is answered."""
        for _ in range(LOOKS_MAX):
            now_us = self._clock.now_us()
            found = await self._store.begin(key, digest, at_us=now_us, until_us=now_us + KEPT_US)
            if found.is_new or found.status or found.digest != digest:
                return found
            await self._clock.sleep(WAIT_SECONDS)
        raise Conflict("key_under_way", "the first of these requests is under way, or broke off", where=HEADER,
                       remedy="look whether it was done; if not, send it under a new key")  # fmt: skip

    def _answer(self, found: Known) -> Response:
        if not found.kept:
            raise Conflict("key_answered", "this was done, and its answer is given only once", where=HEADER,
                           remedy="revoke what it made, and ask anew under a new key")  # fmt: skip
        kept = msgspec.msgpack.decode(self._secrecy.unlock(found.kept.decode()), type=_Kept)
        return Response(kept.body, status_code=kept.status, headers=kept.headers)

    def _locked(self, response: Response) -> bytes:
        headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
        body: Any = bytes(response.body)
        return self._secrecy.lock(msgspec.msgpack.encode(_Kept(response.status_code, headers, body))).encode()


def _key_of(request: Request) -> str:
    key = request.headers.get(HEADER, "")
    if len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise Invalid(
            "key_malformed",
            f"a key has at most {KEY_LENGTH_MAX} plain characters",
            where=HEADER,
            remedy="use at most 200 plain characters",
        )
    return key
