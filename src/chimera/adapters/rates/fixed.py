"""Rates that a person wrote down, for work offline. Dated, so that they grow stale like any others."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.domain.errors import Missing
from chimera.ports.rates import Quote


class FixedRates:
    """Millionths of one currency for one unit of each of the others."""

    def __init__(self, name: str, rates: Mapping[str, int], *, at_us: int, currency: str = "USD") -> None:
        self.name = name
        self._rates = dict(rates)
        self._at_us = at_us
        self._currency = currency

    async def quote(self, base: str, currency: str) -> Quote:
        """As it was written down."""
        if base not in self._rates or currency != self._currency:
            raise Missing("currency_unknown", f"{self.name} has no rate for {base}", where=self.name,
                          remedy="write it down")  # fmt: skip
        return Quote(
            base=base, currency=currency, rate_millionths=self._rates[base], at_us=self._at_us, source=self.name
        )
