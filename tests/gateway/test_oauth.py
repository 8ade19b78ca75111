"""The HTTP door with the MCP library's own OAuth client: it registers, asks, waits for a person, renews, is put out."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from chimera.adapters.system.clock import SystemClock
from chimera.assembly import gateway as assembly
from chimera.domain.errors import Refused, Unavailable
from chimera.governance.identity.accesses import Accesses
from chimera.settings import Settings
from tests.small_house import OLGA, SmallHouse

pytestmark = pytest.mark.requirement("R-N7", "R-D4")
BACK = "http://127.0.0.1:9/back"


class Kept:
    """Implements the library's `TokenStorage`."""

    def __init__(self) -> None:
        self.tokens: OAuthToken | None = None
        self.client: OAuthClientInformationFull | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Browser:
    """Somebody's browser: goes where the client sends it, waits on the page, and brings back what it is told."""

    def __init__(self, desk: Accesses, house: SmallHouse, *, admits: bool = True, scopes: tuple[str, ...] = ()) -> None:
        self._desk = desk
        self._house = house
        self._admits = admits
        self._scopes = scopes
        self.back: dict[str, list[str]] = {}

    async def go(self, url: str) -> None:
        async with httpx2.AsyncClient() as http:
            page = (await http.get(url)).headers["location"]
            waiting = await http.get(page)
            assert waiting.status_code == 200
            [asked] = await self._desk.asked()
            assert f"chimera gateway admit {asked.id}" in waiting.text
            assert f"<h2>{asked.number}</h2>" in waiting.text
            assert "<script" not in waiting.text
            assert "default-src 'none'" in waiting.headers["content-security-policy"]
            if self._admits:
                await self._desk.admit(asked.id, agent=self._house.agent, scopes=self._scopes, by=OLGA)
            else:
                await self._desk.refuse(asked.id, by=OLGA)
            answered = (await http.get(page)).headers["location"]
            assert answered.startswith(BACK)
            self.back = parse_qs(urlsplit(answered).query)
            if self._admits:
                assert (await http.get(page)).status_code == 410

    async def result(self) -> AuthorizationCodeResult:
        told = {name: values[0] for name, values in self.back.items()}
        return AuthorizationCodeResult(code=told.get("code", ""), state=told.get("state"), iss=told.get("iss"))


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse(clock=SystemClock()).open()


@asynccontextmanager
async def door(house: SmallHouse, tmp_path: Path) -> AsyncGenerator[tuple[str, Accesses]]:
    settings = Settings(home=str(tmp_path))
    async with assembly.over_http(settings, house.office, host="127.0.0.1", port=0) as url:
        yield url, assembly.accesses_of(settings, house.office)


@asynccontextmanager
async def client_of(url: str, browser: Browser, kept: Kept) -> AsyncGenerator[Client]:
    metadata = OAuthClientMetadata.model_validate({"client_name": "a stock client", "redirect_uris": [BACK]})
    auth = OAuthClientProvider(url, metadata, kept, browser.go, browser.result)
    async with (
        httpx2.AsyncClient(auth=auth, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def asked(client: Client, called: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(called, arguments)
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


async def test_a_stock_client_comes_in_after_a_person_admitted_it(house: SmallHouse, tmp_path: Path) -> None:
    async with door(house, tmp_path) as (url, desk):
        kept = Kept()
        async with client_of(url, Browser(desk, house, scopes=("chimera.read",)), kept) as client:
            assert len((await client.list_tools()).tools) == 7
            refused = await asked(client, "chimera_post", text="hello")
            assert (refused["status"], refused["code"]) == ("refused", "access_scope_missing")
            unknown = await asked(client, "chimera_call", tool="no/such")
            assert (unknown["status"], unknown["code"]) == ("refused", "request_refused")  # It may use no tool at all.
        assert kept.tokens is not None
        first = kept.tokens.access_token
        renewed = await renew(url, kept)
        assert renewed.status_code == 200
        assert await status(url, first) == 401
        assert await status(url, renewed.json()["access_token"]) != 401
        await desk.revoke((await desk.admitted())[0].id, by=OLGA)
        assert await status(url, renewed.json()["access_token"]) == 401


async def renew(url: str, kept: Kept) -> httpx2.Response:
    assert kept.client is not None
    assert kept.tokens is not None
    form = {"grant_type": "refresh_token", "refresh_token": kept.tokens.refresh_token or "",
            "client_id": kept.client.client_id or "", "client_secret": kept.client.client_secret or ""}  # fmt: skip
    async with httpx2.AsyncClient() as http:
        return await http.post(url.replace("/mcp", "/token"), data=form)


async def status(url: str, token: str) -> int:
    async with httpx2.AsyncClient() as http:
        return (await http.post(url, json={}, headers={"Authorization": f"Bearer {token}"})).status_code


async def test_a_client_that_gives_its_token_back_is_out(house: SmallHouse, tmp_path: Path) -> None:
    async with door(house, tmp_path) as (url, desk):
        kept = Kept()
        async with client_of(url, Browser(desk, house), kept) as client:
            await client.list_tools()
        assert kept.tokens is not None
        assert kept.client is not None
        form = {"token": kept.tokens.access_token, "client_id": kept.client.client_id or "",
                "client_secret": kept.client.client_secret or ""}  # fmt: skip
        async with httpx2.AsyncClient() as http:
            assert (await http.post(url.replace("/mcp", "/revoke"), data=form)).status_code == 200
        assert await status(url, kept.tokens.access_token) == 401
        assert await desk.admitted() == ()


async def test_who_was_refused_stays_out(house: SmallHouse, tmp_path: Path) -> None:
    async with door(house, tmp_path) as (url, desk):
        browser = Browser(desk, house, admits=False)
        with pytest.raises(BaseExceptionGroup):
            async with client_of(url, browser, Kept()) as client:
                await client.list_tools()
        assert browser.back["error"] == ["access_denied"]


async def test_the_door_says_how_to_come_in(house: SmallHouse, tmp_path: Path) -> None:
    async with door(house, tmp_path) as (url, _), httpx2.AsyncClient() as http:
        origin = url.removesuffix("/mcp")
        answer = await http.post(url, json={})
        assert answer.status_code == 401
        where = f"{origin}/.well-known/oauth-protected-resource/mcp"
        assert f'resource_metadata="{where}"' in answer.headers["www-authenticate"]
        resource = (await http.get(where)).json()
        assert resource["resource"] == url
        assert resource["authorization_servers"] == [origin]
        server = (await http.get(f"{origin}/.well-known/oauth-authorization-server")).json()
        assert server["issuer"] == origin
        assert server["code_challenge_methods_supported"] == ["S256"]
        assert server["scopes_supported"] == ["chimera.read", "chimera.act"]


BAD = [
    (["http://evil.example/back"], "invalid_redirect_uri"),
    (["cursor://back"], "invalid_redirect_uri"),
    (["https://a.example/#x"], "invalid_redirect_uri"),
    (["https://user@a.example/"], "invalid_redirect_uri"),
    ([f"https://a.example/{number}" for number in range(9)], "invalid_redirect_uri"),
    (["https://a.example/" + "x" * 2_000], "invalid_redirect_uri"),
    (["https://a.example/" + "x" * 9_000], "invalid_client_metadata"),
]


async def test_what_may_not_be_registered_or_asked_is_refused(house: SmallHouse, tmp_path: Path) -> None:
    async with door(house, tmp_path) as (url, desk), httpx2.AsyncClient() as http:
        origin = url.removesuffix("/mcp")
        for redirects, error in BAD:
            answer = await http.post(f"{origin}/register", json={"redirect_uris": redirects})
            assert (answer.status_code, answer.json()["error"]) == (400, error), redirects
        client = (await http.post(f"{origin}/register", json={"redirect_uris": [BACK]})).json()
        good = {"client_id": client["client_id"], "response_type": "code", "code_challenge": "c" * 43,
                "redirect_uri": BACK, "code_challenge_method": "S256", "state": "s"}  # fmt: skip
        for wrong, error in (
            ({"client_id": "nobody"}, "invalid_request"),
            ({"code_challenge": "short"}, "invalid_request"),
            ({"code_challenge_method": "plain"}, "invalid_request"),
            ({"redirect_uri": "http://127.0.0.1:9/other"}, "invalid_request"),
            ({"resource": "https://elsewhere.example/mcp"}, "invalid_target"),
            ({"scope": "chimera.root"}, "invalid_scope"),
        ):
            answer = await http.get(f"{origin}/authorize", params={**good, **wrong})
            assert error in answer.text + answer.headers.get("location", ""), (wrong, answer.text)
        assert await desk.asked() == ()
        assert (await http.get(f"{origin}/consent", params={"ask": "chw_x.y"})).status_code == 404


async def test_tokens_do_not_go_over_open_lines(house: SmallHouse, tmp_path: Path) -> None:
    for host, public in (("0.0.0.0", ""), ("127.0.0.1", "http://gate.example")):
        settings = Settings(home=str(tmp_path), gateway_url=public)
        with pytest.raises(Refused, match="open line"):
            async with assembly.over_http(settings, house.office, host=host, port=0):
                pass
    async with door(house, tmp_path) as (url, _):
        taken = urlsplit(url).port
        assert taken is not None
        with pytest.raises(Unavailable, match="cannot listen"):
            async with assembly.over_http(Settings(home=str(tmp_path)), house.office, host="127.0.0.1", port=taken):
                pass
