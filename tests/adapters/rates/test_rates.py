"""Rates over a real wire, from servers of our own on this machine; and that neither source is believed alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chimera.adapters.rates.fixed import FixedRates
from chimera.adapters.rates.http import BYTES_MAX, EuropeanRates, OpenRates
from chimera.domain.errors import ChimeraError, Invalid, Missing, Refused, Unavailable
from chimera.governance.exchange import Exchange
from chimera.ports.rates import Quote
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-E7")
NOW_US = 1_795_219_200_000_000  # 2026-11-21 00:00 UTC
ECB = b'{"amount":1.0,"base":"EUR","date":"2026-11-20","rates":{"USD":1.0842}}'
OPEN = b'{"result":"success","time_last_update_unix":1795132800,"base_code":"EUR","rates":{"USD":1.0839,"JPY":160}}'


class Served:
    """What a server answers, and what it was asked."""

    def __init__(self) -> None:
        self.answer: tuple[int, bytes] = (200, ECB)
        self.asked: list[str] = []
        self.url = ""


@pytest.fixture
def served() -> Iterator[Served]:
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            status, body = state.answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


async def test_the_european_source(served: Served) -> None:
    quote = await EuropeanRates(served.url).quote("EUR", "USD")
    assert (quote.rate_millionths, quote.source) == (1_084_200, "frankfurter")
    assert quote.at_us == 1_795_186_800_000_000
    assert served.asked == ["/v1/latest?base=EUR&symbols=USD"]


async def test_the_open_source(served: Served) -> None:
    served.answer = (200, OPEN)
    quote = await OpenRates(served.url).quote("EUR", "USD")
    assert (quote.rate_millionths, quote.at_us) == (1_083_900, 1_795_132_800_000_000)
    assert served.asked == ["/v6/latest/EUR"]


@pytest.mark.parametrize(("status", "body", "kind"), [
    (404, b"{}", Missing), (200, b'{"date":"2026-11-20","rates":{}}', Missing), (500, b"", Unavailable),
    (200, b"<html>", Unavailable), (200, b"[]", Unavailable), (200, b'{"rates":{"USD":1}}', Unavailable),
    (200, b'{"date":"soon","rates":{"USD":1}}', Unavailable), (200, b" " * (BYTES_MAX + 1), Unavailable),
    (200, b'{"date":"2026-11-20","rates":{"USD":-1}}', Unavailable),
    (200, b'{"date":"2026-11-20","rates":{"USD":"1"}}', Unavailable),
    (200, b'{"date":"2026-11-20","rates":{"USD":true}}', Unavailable),
])  # fmt: skip
async def test_what_cannot_be_understood_is_no_rate(
    served: Served, status: int, body: bytes, kind: type[ChimeraError]
) -> None:
    served.answer = (status, body)
    with pytest.raises(kind):
        await EuropeanRates(served.url).quote("EUR", "USD")


async def test_a_source_that_is_gone_or_not_encrypted_is_unavailable(served: Served) -> None:
    for url in ("http://127.0.0.1:9", "http://rates.example", "file:///etc/passwd"):
        with pytest.raises(Unavailable):
            await OpenRates(url).quote("EUR", "USD")


class Says:
    """A source that says what a test wants."""

    def __init__(self, name: str, rate: int, at_us: int) -> None:
        self.name, self._rate, self._at_us = name, rate, at_us

    async def quote(self, base: str, currency: str) -> Quote:
        return Quote(base=base, currency=currency, rate_millionths=self._rate, at_us=self._at_us, source=self.name)


def exchange(*rates: int, age_seconds: int = 60) -> Exchange:
    at_us = NOW_US - age_seconds * 1_000_000
    sources = tuple(Says(str(n), rate, at_us) for n, rate in enumerate(rates))
    return Exchange(sources=sources, clock=ManualClock(now_us=NOW_US))


async def test_two_that_agree_are_believed_and_the_worse_counts() -> None:
    both = exchange(1_080_000, 1_081_000)
    assert (await both.incoming(10_000_001, "EUR")).micros == 10_800_001
    out = await both.outgoing(10_000_001, "EUR")
    assert (out.micros, out.rate_millionths, out.sources) == (10_810_002, 1_081_000, ("0", "1"))


@pytest.mark.parametrize(("rates", "age_seconds", "code"), [
    ((1_080_000,), 60, "rate_one_source"), ((1_080_000, 1_100_000), 60, "rate_disagrees"),
    ((1_080_000, 1_080_000), 5 * 86_400, "rate_stale"), ((1_080_000, 1_080_000), -60, "rate_stale"),
    ((0, 0), 60, "rate_disagrees"),
])  # fmt: skip
async def test_stale_disagreeing_or_single_is_a_no(rates: tuple[int, ...], age_seconds: int, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await exchange(*rates, age_seconds=age_seconds).incoming(1_000_000, "EUR")
    assert caught.value.code == code


@pytest.mark.parametrize("currency", ["", "eur", "EURO!!", "E", "ЕUR", "US D"])
async def test_an_unknown_currency_is_named(currency: str) -> None:
    with pytest.raises(Invalid, match="not a currency"):
        await exchange(1, 1).incoming(1, currency)


async def test_the_fleets_own_currency_needs_no_source() -> None:
    assert (await exchange().incoming(5, "USD")).micros == 5


async def test_rates_written_down_grow_stale() -> None:
    fixed = [FixedRates(name, {"EUR": 1_080_000}, at_us=NOW_US) for name in ("a", "b")]
    clock = ManualClock(now_us=NOW_US)
    written = Exchange(sources=fixed, clock=clock)
    assert (await written.incoming(1_000_000, "EUR")).micros == 1_080_000
    with pytest.raises(Missing):
        await written.incoming(1_000_000, "JPY")
    clock.advance(5 * 86_400)
    with pytest.raises(Refused, match="fresh"):
        await written.incoming(1_000_000, "EUR")
