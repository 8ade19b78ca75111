"""Somebody else who vouches for people: a provider that they log in at already."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Pending(Struct, frozen=True, kw_only=True):
    """A log-in that was begun: what only the browser that began it can bring back. Good once, for ten minutes."""

    address: str
    state: str
    nonce: str
    verifier: str
    begun_us: int


class Vouching(Protocol):
    """One provider."""

    @property
    def name(self) -> str:
        """What people know it by."""
        ...

    async def begin(self) -> Pending:
        """Where to send the browser, and what to keep until it comes back."""
        ...

    async def finish(self, pending: Pending, *, code: str, state: str) -> str:
        """Who it is, as `issuer subject`; or `Refused`, whatever does not fit."""
        ...
