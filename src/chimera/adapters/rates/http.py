"""Two public sources of exchange rates over HTTP. Answers are bounded, numbers never become floats."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from chimera.adapters.system.web import open_address
from chimera.domain.errors import Missing, Unavailable
from chimera.ports.rates import Quote

SECONDS_MAX = 5.0
BYTES_MAX = 256 * 1024
MILLION = 1_000_000
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class EuropeanRates:
    """The reference rates of the European Central Bank, as Frankfurter serves them; once every working day."""

    name = "frankfurter"

    def __init__(self, url: str = "https://api.frankfurter.dev") -> None:
        self._url = url.rstrip("/")

    async def quote(self, base: str, currency: str) -> Quote:
        """Dated by its day, at the hour at which the bank publishes."""
        answer = await _read(f"{self._url}/v1/latest?base={base}&symbols={currency}", self.name)
        try:
            day = datetime.strptime(str(answer["date"]), "%Y-%m-%d").replace(hour=15, tzinfo=UTC)
        except (KeyError, ValueError) as error:
            raise _odd(self.name) from error
        return _quote(answer, base, currency, at_us=int(day.timestamp()) * MILLION, source=self.name)


class OpenRates:
    """open.er-api.com; once a day."""

    name = "open-er-api"

    def __init__(self, url: str = "https://open.er-api.com") -> None:
        self._url = url.rstrip("/")

    async def quote(self, base: str, currency: str) -> Quote:
        """Dated by the second at which the source was last updated."""
        answer = await _read(f"{self._url}/v6/latest/{base}", self.name)
        at = answer.get("time_last_update_unix")
        if answer.get("result") != "success" or not isinstance(at, int):
            raise _odd(self.name)
        return _quote(answer, base, currency, at_us=at * MILLION, source=self.name)


async def _read(url: str, source: str) -> dict[str, Any]:
    if not url.startswith(("https://", "http://127.0.0.1:")):
        raise Unavailable(
            "rates_unavailable", f"{source} is not read without encryption", where=source, remedy="try later"
        )
    try:
        body = await asyncio.to_thread(_get, url)
        answer: object = _DECODER.decode(body)
    except urllib.error.HTTPError as error:
        if error.code in (404, 422):
            raise Missing(
                "currency_unknown",
                f"{source} does not know this currency",
                where=source,
                remedy="write one such as EUR",
            ) from error
        raise _away(source, f"status {error.code}") from error
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise _away(source, str(error)) from error
    if not isinstance(answer, dict):
        raise _odd(source)
    return answer  # pyright: ignore[reportUnknownVariableType]


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": "application/json", "User-Agent": "chimera"})  # noqa: S310 – checked above
    with open_address(request, seconds_max=SECONDS_MAX) as reply:
        body: bytes = reply.read(BYTES_MAX + 1)
    if len(body) > BYTES_MAX:
        raise ValueError("the answer is too long")
    return body


def _quote(answer: dict[str, Any], base: str, currency: str, *, at_us: int, source: str) -> Quote:
    rates: Any = answer.get("rates")
    if not isinstance(rates, dict) or currency not in rates:
        raise Missing(
            "currency_unknown",
            f"{source} has no rate from {base} to {currency}",
            where=source,
            remedy="write one such as EUR",
        )
    rate: Any = rates[currency]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(rate, bool) or not isinstance(rate, int | Decimal) or not Decimal(rate).is_finite() or rate <= 0:
        raise _odd(source)
    millionths = round(Decimal(rate) * MILLION)
    return Quote(base=base, currency=currency, rate_millionths=millionths, at_us=at_us, source=source)


def _away(source: str, why: str) -> Unavailable:
    return Unavailable("rates_unavailable", f"{source} does not answer: {why[:200]}", where=source, remedy="try later")


def _odd(source: str) -> Unavailable:
    return Unavailable("rates_unavailable", f"{source} answered what cannot be understood", where=source,
                       remedy="try later")  # fmt: skip
