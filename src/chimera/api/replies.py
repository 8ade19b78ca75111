"""Idempotency keys: a write that is sent again under the same key gets the answer that it got.

In memory, for a day at most: what must hold beyond that holds by ids and versions in the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from fastapi import Request
from msgspec import Struct
from starlette.responses import Response

from chimera.domain.canonical import sha256_hex
from chimera.domain.errors import Conflict, Invalid
from chimera.domain.person import Principal
from chimera.ports.clock import Clock

HEADER = "idempotency-key"
KEY_LENGTH_MAX = 200
REPLIES_MAX = 5_000
KEPT_US = 24 * 3600 * 1_000_000


class _Reply(Struct):
    digest: str
    at_us: int
    done: asyncio.Event
    response: Response | None = None


class Replies:
    """Remembers what writes were answered, by person and key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Reply] = OrderedDict()

    async def known(self, request: Request, who: Principal) -> Response | None:
        """The answer from before, if this was asked before; the same request under way is waited for."""
        key = _key_of(request)
        if not key:
            return None
        digest = sha256_hex(b"\n".join((request.method.encode(), str(request.url).encode(), await request.body())))
        reply = self._kept.get((who.person, key))
        if reply is None or reply.at_us + KEPT_US < self._clock.now_us():
            self._begin((who.person, key), digest)
            return None
        if reply.digest != digest:
            raise Conflict("key_reused", "this key was used for another request", where=HEADER, remedy="use a new one")
        await reply.done.wait()
        if reply.response is None:
            raise Conflict("key_under_way", "the first of these requests failed", where=HEADER, remedy="send it again")
        return reply.response

    def keep(self, request: Request, who: Principal, response: Response) -> None:
        """Keep the answer: it is given again to whoever asks the same under the same key."""
        key = request.headers.get(HEADER, "")
        reply = self._kept.get((who.person, key))
        if reply is None or reply.done.is_set():
            return
        reply.response = response
        reply.done.set()

    def forget(self, request: Request) -> None:
        """The request failed: whoever sends it again tries again."""
        who: Principal | None = getattr(request.state, "principal", None)
        if who is not None:
            reply = self._kept.get((who.person, request.headers.get(HEADER, "")))
            if reply is not None and not reply.done.is_set():
                reply.done.set()
                del self._kept[(who.person, request.headers.get(HEADER, ""))]

    def _begin(self, key: tuple[str, str], digest: str) -> None:
        while len(self._kept) >= REPLIES_MAX:
            self._kept.popitem(last=False)
        self._kept[key] = _Reply(digest, self._clock.now_us(), asyncio.Event())


def _key_of(request: Request) -> str:
    key = request.headers.get(HEADER, "")
    if len(key) > KEY_LENGTH_MAX or not key.isascii() or not key.isprintable():
        raise Invalid("key_malformed", f"a key has at most {KEY_LENGTH_MAX} plain characters", where=HEADER)
    return key
