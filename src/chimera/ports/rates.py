"""Exchange rates from outside. One source is never believed alone."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Quote(Struct, frozen=True, kw_only=True):
    """What one unit of `base` is worth, in millionths of the fleet's currency, and as of when the source says so."""

    base: str
    currency: str
    rate_millionths: int
    at_us: int
    source: str


class RateSource(Protocol):
    """One source. `Missing` for a currency that it does not know; `Unavailable` when it does not answer."""

    @property
    def name(self) -> str: ...

    async def quote(self, base: str, currency: str) -> Quote: ...
