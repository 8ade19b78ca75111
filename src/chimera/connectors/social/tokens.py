"""OAuth tokens of accounts: taken from the secret that a person entrusted, renewed when due, kept where we alone read.

A token that was renewed is on disk before it is used: networks take the old one back.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from chimera.connectors.social.configured import UNTIL
from chimera.connectors.social.wire import TOO_MANY, LoginRefused, Lost, NotSent, Reply
from chimera.domain.durations import SECOND_US
from chimera.ports.clock import Clock


class Secret(Struct, frozen=True, kw_only=True):
    """What a person got when the account agreed to our app, as JSON in the account's secret."""

    access_token: str = ""
    refresh_token: str = ""
    client_id: str = ""
    client_secret: str = ""


class Token(Struct, frozen=True, kw_only=True):
    """What is good now, and until when (0: nobody said). `origin` is the secret that it began with."""

    access: str
    refresh: str = ""
    expires_us: int = 0
    origin: str = ""


Renew: TypeAlias = Callable[[Secret, Token], Awaitable[Token]]


class TokenBook:
    """One file for each network and installation. Written by one process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._known = msgspec.json.decode(path.read_bytes(), type=dict[str, Token]) if path.exists() else {}

    def of(self, account: str) -> Token | None:
        """What was kept for an account."""
        return self._known.get(account)

    def keep(self, account: str, token: Token) -> None:
        """On disk when this returns."""
        self._known[account] = token
        draft = self._path.with_suffix(".draft")
        with draft.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(msgspec.json.encode(self._known))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        # For people's screens: until when each is good, and nothing that lets anybody in.
        until = {name: one.expires_us for name, one in self._known.items()}
        self._path.with_suffix(UNTIL).write_bytes(msgspec.json.encode(until))


class Bearer:
    """The token of one account, renewed by whoever needs it first."""

    def __init__(
        self, account: str, *, book: TokenBook, secret: Callable[[], str], renew: Renew, clock: Clock,
        early_seconds: int,
    ) -> None:  # fmt: skip
        self._account = account
        self._book = book
        self._secret = secret
        self._renew = renew
        self._clock = clock
        self._early_us = early_seconds * SECOND_US
        self._lock = asyncio.Lock()

    async def current(self) -> str:
        """A token that is good for a while."""
        async with self._lock:
            secret, token = self._read()
            is_due = bool(token.expires_us) and self._clock.now_us() > token.expires_us - self._early_us
            return (await self._renewed(secret, token) if is_due or not token.access else token).access

    async def replaced(self, refused: str) -> None:
        """The network refused this one: get another, unless somebody has."""
        async with self._lock:
            secret, token = self._read()
            if token.access == refused:
                await self._renewed(secret, token)

    async def _renewed(self, secret: Secret, token: Token) -> Token:
        fresh = await self._renew(secret, token)
        kept = msgspec.structs.replace(fresh, origin=token.origin)
        self._book.keep(self._account, kept)
        return kept

    def _read(self) -> tuple[Secret, Token]:
        """The kept token; or the one of the secret, if a person has put another there since."""
        text = self._secret()
        try:
            secret = msgspec.json.decode(text, type=Secret)
        except msgspec.DecodeError as error:
            raise LoginRefused("the account's secret is not the JSON that docs/guides/networks.md shows") from error
        origin = hashlib.sha256(text.encode()).hexdigest()
        known = self._book.of(self._account)
        if known is not None and known.origin == origin:
            return secret, known
        return secret, Token(access=secret.access_token, refresh=secret.refresh_token, origin=origin)


async def granted(asking: Awaitable[Reply], clock: Clock, *, refresh: str = "") -> Token:
    """The token that a server was asked for; `refresh` is kept where it gives no other."""
    try:
        reply = await asking
    except Lost as lost:
        raise NotSent(str(lost)) from lost
    if reply.is_good:
        return _token_of(reply.body, now_us=clock.now_us(), refresh=refresh)
    if reply.is_unclear or reply.status == TOO_MANY:
        raise NotSent(f"no token for now: {reply.said}")
    raise LoginRefused(f"the account has to agree anew: {reply.said}")


def _token_of(body: dict[str, Any], *, now_us: int, refresh: str) -> Token:
    return Token(access=str(body["access_token"]), refresh=str(body.get("refresh_token") or refresh),
                 expires_us=now_us + int(body.get("expires_in") or 0) * SECOND_US)  # fmt: skip
