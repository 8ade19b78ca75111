"""Fetching from a web that means no good: it leads inside, floods, redirects for ever, lies about sizes, and dies."""

from __future__ import annotations

import gzip
from collections.abc import AsyncGenerator

import pytest

from chimera.adapters.system.clock import SystemClock
from chimera.adapters.system.web import is_public
from chimera.connectors.web.fetching import REDIRECTS_MAX, Fetcher, Got, Ways
from chimera.ports.network import Declined
from tests.connectors.web_house import Web, answer, fetcher, serving

pytestmark = pytest.mark.requirement("R-N5")
MAX = 10_000


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    async with serving() as started:
        yield started


async def code_of(made: Fetcher, url: str, *, bytes_max: int = MAX) -> str:
    async with made:
        got = await made.get(url, accept="*/*", bytes_max=bytes_max)
    return got.code if isinstance(got, Declined) else "got"


async def test_what_stands_there_is_fetched_with_its_kind_and_its_tags(web: Web) -> None:
    web.pages["/a"] = answer("hello", kind="text/plain; charset=utf-8", more='ETag: "1"\r\nLast-Modified: today\r\n')
    async with fetcher(web) as made:
        got = await made.get(web.url("/a"), accept="text/plain", bytes_max=MAX)
    assert got == Got(url=web.url("/a"), status=200, kind="text/plain", data=b"hello", etag='"1"', modified="today")
    assert web.asked[0].headers["host"] == web.host
    assert "cookie" not in web.asked[0].headers
    assert "authorization" not in web.asked[0].headers


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "http://",
        "http://user:password@example.org/",
        "http://example.org:99999/",
        "http://exa mple.org/\x00",
        "javascript:alert(1)",
        "//example.org/",
        "http://example.org/" + "a" * 3_000,
        "http://[::1/",
    ],
)
async def test_what_is_no_address_of_the_web_is_not_asked(web: Web, url: str) -> None:
    assert await code_of(fetcher(web), url) in ("web_address_malformed", "web_unreachable")
    assert web.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "169.254.169.254",
        "2130706433",
        "0x7f.1",
        "127.1",
    ],
)
async def test_no_address_of_ours_is_asked_however_it_is_written(web: Web, host: str) -> None:
    web.pages["/"] = answer("the metadata of this machine")
    code = await code_of(fetcher(web, private=True), f"http://{host}:{web.port}/")
    assert code in ("web_address_private", "web_unreachable")
    assert web.asked == []


async def test_a_name_that_leads_inside_the_second_time_leads_nowhere(web: Web) -> None:
    """The name is looked up once, and that very address is connected to."""
    looked_up: list[str] = []

    async def addresses_of(host: str, _port: int) -> tuple[str, ...]:
        looked_up.append(host)
        return ("127.0.0.1",) if len(looked_up) > 1 else ("192.0.2.1",)

    ways = Ways(addresses_of, lambda address: address == "192.0.2.1" or is_public(address))
    web.pages["/"] = answer("inside")
    assert await code_of(Fetcher(ways, SystemClock()), f"http://rebinding.example:{web.port}/") == "web_unreachable"
    assert (looked_up, web.asked) == (["rebinding.example"], [])


async def test_one_private_address_among_open_ones_is_enough_to_refuse(web: Web) -> None:
    async def addresses_of(_host: str, _port: int) -> tuple[str, ...]:
        return ("8.8.8.8", "127.0.0.1")

    made = Fetcher(Ways(addresses_of, is_public), SystemClock())
    assert await code_of(made, f"http://both.example:{web.port}/") == "web_address_private"


async def test_a_redirect_inside_is_not_followed(web: Web) -> None:
    web.pages["/"] = answer("", status="302 Found", more="Location: http://localhost:1/secret\r\n")
    assert await code_of(fetcher(web), web.url("/")) == "web_address_private"


async def test_redirects_have_an_end(web: Web) -> None:
    web.pages["/"] = answer("", status="301 Moved", more="Location: /\r\n")
    assert await code_of(fetcher(web), web.url("/")) == "web_redirects"
    assert len(web.asked) == REDIRECTS_MAX + 1


async def test_a_flood_is_cut_off_whatever_its_length_says(web: Web) -> None:
    web.pages["/long"] = answer("x" * (MAX + 1))
    web.pages["/endless"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 0x400 + b"\r\n" * 1
    )
    web.pages["/bomb"] = answer(gzip.compress(b"\0" * 10_000_000), more="Content-Encoding: gzip\r\n")
    web.pages["/packed"] = answer(gzip.compress(b"well"), more="Content-Encoding: gzip\r\n")
    web.pages["/strange"] = answer(b"well", more="Content-Encoding: br\r\n")
    web.pages["/broken"] = answer(b"no gzip", more="Content-Encoding: gzip\r\n")
    codes = {path: await code_of(fetcher(web), web.url(path)) for path in web.pages}
    assert codes == {"/long": "web_too_large", "/endless": "web_unreachable", "/bomb": "web_too_large",
                     "/packed": "got", "/strange": "web_unreadable", "/broken": "web_unreadable"}  # fmt: skip


async def test_a_host_that_asks_for_a_pause_gets_one(web: Web) -> None:
    web.pages["/"] = answer("", status="429 Too Many Requests", more="Retry-After: 120\r\n")
    async with fetcher(web) as made:
        for _ in range(2):
            got = await made.get(web.url("/"), accept="*/*", bytes_max=MAX)
            assert isinstance(got, Declined)
            assert (got.code, got.later) == ("rate_limited", True)
    assert len(web.asked) == 1


async def test_one_host_is_asked_at_its_pace(web: Web) -> None:
    web.pages["/"] = answer("x")
    clock = SystemClock()
    async with fetcher(web, host_seconds=0.2) as made:
        began = clock.now_us()
        for _ in range(3):
            await made.get(web.url("/"), accept="*/*", bytes_max=MAX)
        assert clock.now_us() - began >= 400_000
