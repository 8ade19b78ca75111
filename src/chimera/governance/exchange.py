"""Turns money of another currency into the fleet's: two sources, both fresh, and agreeing; else a no."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec import Struct

from chimera.domain.errors import Invalid, Refused
from chimera.ports.clock import Clock
from chimera.ports.rates import Quote, RateSource

AGE_SECONDS_MAX = 4 * 86_400
DEVIATION_BP_MAX = 100
SOURCES_MIN = 2
MILLION = 1_000_000


class Exchanged(Struct, frozen=True, kw_only=True):
    """An amount in the fleet's currency, with the rate that it was reckoned at, to be stored beside it."""

    micros: int
    rate_millionths: int
    rate_at_us: int
    sources: tuple[str, ...]


class Exchange:
    """Asks every source. The worse rate counts: income is not overstated, cost not understated."""

    def __init__(self, *, sources: Sequence[RateSource], clock: Clock, currency: str = "USD") -> None:
        self._sources = tuple(sources)
        self._clock = clock
        self._currency = currency

    async def incoming(self, micros: int, currency: str) -> Exchanged:
        """What was received, at the lower rate, rounded down."""
        return await self._exchanged(micros, currency, incoming=True)

    async def outgoing(self, micros: int, currency: str) -> Exchanged:
        """What is to be paid, at the higher rate, rounded up."""
        return await self._exchanged(micros, currency, incoming=False)

    async def _exchanged(self, micros: int, currency: str, *, incoming: bool) -> Exchanged:
        _require_currency(currency)
        if currency == self._currency:
            return Exchanged(micros=micros, rate_millionths=MILLION, rate_at_us=self._clock.now_us(), sources=())
        quotes = await self._agreed(currency)
        rate = (min if incoming else max)(quote.rate_millionths for quote in quotes)
        exact = micros * rate
        whole = exact // MILLION if incoming else -(-exact // MILLION)
        return Exchanged(micros=whole, rate_millionths=rate, rate_at_us=min(quote.at_us for quote in quotes),
                         sources=tuple(quote.source for quote in quotes))  # fmt: skip

    async def _agreed(self, currency: str) -> Sequence[Quote]:
        if len(self._sources) < SOURCES_MIN:
            raise Refused("rate_one_source", "one source of rates is not believed alone", where="rates",
                          remedy="set two sources")  # fmt: skip
        quotes = await asyncio.gather(*(source.quote(currency, self._currency) for source in self._sources))
        now_us = self._clock.now_us()
        for quote in quotes:
            if not 0 <= now_us - quote.at_us <= AGE_SECONDS_MAX * MILLION:
                raise Refused("rate_stale", f"{quote.source} has no fresh rate for {currency}", where="rates",
                              remedy="try again when it has")  # fmt: skip
        low, high = (choose(quote.rate_millionths for quote in quotes) for choose in (min, max))
        if low <= 0 or (high - low) * 10_000 > DEVIATION_BP_MAX * low:
            raise Refused("rate_disagrees", f"the sources differ about {currency}: {low} and {high} millionths",
                          where="rates", remedy="a person looks which of them is wrong")  # fmt: skip
        return quotes


def _require_currency(currency: str) -> None:
    if not (currency.isascii() and currency.isalpha() and currency.isupper() and 3 <= len(currency) <= 5):
        raise Invalid("currency_unknown", f"{currency[:20]!r} is not a currency's code", where="currency",
                      remedy="write one such as EUR")  # fmt: skip
