"""Logs in to a personal data server and speaks XRPC with it as one account. Tokens stay here, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from chimera.connectors.social.wire import TOO_MANY, LoginRefused, Lost, NotSent, Reply, Wire

EXPIRED = ("ExpiredToken", "InvalidToken")


class Tokens(Struct, frozen=True, kw_only=True):
    """What a log-in gave."""

    did: str
    access: str
    refresh: str


class Session:
    """One account on one server. Logs in when it is first used, and again when it has to."""

    def __init__(self, wire: Wire, handle: str, password: Callable[[], str]) -> None:
        self._wire = wire
        self._handle = handle.removeprefix("@")
        self._password = password
        self._tokens: Tokens | None = None
        self._lock = asyncio.Lock()

    async def did(self) -> str:
        """Who the account is, whatever its handle."""
        return (await self._current()).did

    async def query(self, name: str, asked: dict[str, Any]) -> Reply:
        """Ask."""
        return await self._spoken("GET", name, query=asked, json=None, content=None, kind="")

    async def procedure(self, name: str, body: dict[str, Any]) -> Reply:
        """Change something."""
        return await self._spoken("POST", name, query={}, json=body, content=None, kind="")

    async def upload(self, data: bytes, *, kind: str) -> Reply:
        """Hand over the bytes of a picture."""
        return await self._spoken("POST", "com.atproto.repo.uploadBlob", query={}, json=None, content=data, kind=kind)

    async def _spoken(
        self, method: str, name: str, *, query: dict[str, Any], json: object, content: bytes | None, kind: str
    ) -> Reply:
        """With a token that is good. One that had run out meant that nothing was done, so it is asked again."""
        reply = None
        for _ in range(2):
            tokens = await self._current()
            headers = {"Authorization": f"Bearer {tokens.access}"} | ({"Content-Type": kind} if kind else {})
            reply = await self._wire.ask(
                method, f"/xrpc/{name}", headers=headers, query=query, json=json, content=content
            )
            if reply.fault not in EXPIRED:
                return reply
            await self._renew(tokens)
        assert reply is not None, "it was asked twice"
        return reply

    async def _current(self) -> Tokens:
        async with self._lock:
            if self._tokens is None:
                self._tokens = await self._logged_in()
            return self._tokens

    async def _renew(self, old: Tokens) -> None:
        async with self._lock:
            if self._tokens is not old:
                return
            headers = {"Authorization": f"Bearer {old.refresh}"}
            reply = await self._before("com.atproto.server.refreshSession", headers=headers, body=None)
            self._tokens = _tokens_of(reply) if reply.is_good else await self._logged_in()

    async def _logged_in(self) -> Tokens:
        body = {"identifier": self._handle, "password": self._password()}
        reply = await self._before("com.atproto.server.createSession", headers={}, body=body)
        if reply.is_good:
            return _tokens_of(reply)
        if reply.status == TOO_MANY or reply.is_unclear:
            raise NotSent(f"the log-in is refused for now: {reply.said}")
        raise LoginRefused(reply.said)

    async def _before(self, name: str, *, headers: dict[str, str], body: object) -> Reply:
        """A call that changes nothing on the network: if it is lost, nothing of the act was sent."""
        try:
            return await self._wire.ask("POST", f"/xrpc/{name}", headers=headers, json=body)
        except Lost as lost:
            raise NotSent(str(lost)) from lost


def _tokens_of(reply: Reply) -> Tokens:
    body: dict[str, Any] = reply.body
    return Tokens(did=str(body["did"]), access=str(body["accessJwt"]), refresh=str(body["refreshJwt"]))
