"""A stock MCP client connects, its browser waits, and a person lets it in from the console with the number it shows."""

from __future__ import annotations

import asyncio
import queue
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.console.asking import ask
from tests.console.conftest import House
from tests.e2e.test_gateway import serving
from tests.gateway.test_oauth import Kept

pytestmark = [pytest.mark.timeout(300), pytest.mark.requirement("R-N7", "R-L1")]
BACK = "http://127.0.0.1:9/back"
ANSWER_SECONDS_MAX = 180.0


class Asking:
    """The client's half: it hands out the address that a browser is to open, and waits for what comes back."""

    def __init__(self) -> None:
        self.opened: queue.Queue[str] = queue.Queue()
        self.answered: queue.Queue[str] = queue.Queue()

    async def go(self, url: str) -> None:
        self.opened.put(url)

    async def result(self) -> AuthorizationCodeResult:
        back = await asyncio.to_thread(self.answered.get, timeout=ANSWER_SECONDS_MAX)
        told = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
        return AuthorizationCodeResult(code=told.get("code", ""), state=told.get("state"), iss=told.get("iss"))

    async def tools(self, url: str) -> list[str]:
        metadata = OAuthClientMetadata.model_validate({"client_name": "a stock client", "redirect_uris": [BACK]})
        auth = OAuthClientProvider(url, metadata, Kept(), self.go, self.result)
        async with (
            httpx2.AsyncClient(auth=auth, timeout=ANSWER_SECONDS_MAX) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            return [one.name for one in (await client.list_tools()).tools]


def back_at_the_client(context: BrowserContext, asking: Asking) -> None:
    """What listens at the client's address: it takes the code, and says thanks."""

    def take(route: Route) -> None:
        asking.answered.put(route.request.url)
        route.fulfill(status=200, body="You may close this page.")

    context.route(f"{BACK}**", take)


def test_a_program_is_let_in_with_the_number_that_its_browser_shows(page: Page, house: House) -> None:
    asking = Asking()
    back_at_the_client(page.context, asking)
    agent = ask(page, house.url, "agents?state=active&limit=1")["items"][0]
    with serving(house.home) as url, ThreadPoolExecutor(1) as beside:
        tools = beside.submit(lambda: asyncio.run(asking.tools(url)))
        waiting = page.context.new_page()
        waiting.goto(asking.opened.get(timeout=ANSWER_SECONDS_MAX))
        expect(waiting.get_by_role("heading", name="A program asks to come in")).to_be_visible()
        number = waiting.get_by_role("heading", level=2).inner_text()
        page.goto(f"{house.url}/connections")
        row = page.get_by_role("table", name="Programs").get_by_role("row").filter(has_text="a stock client")
        row.get_by_role("button", name="Let it in…").click()
        dialogue = page.get_by_role("dialog")
        dialogue.get_by_label("Calls as").select_option(agent["id"])
        dialogue.get_by_label("propose acts").uncheck()
        expect(dialogue.get_by_role("button", name="Let it in")).to_be_disabled()
        dialogue.get_by_label("Number").fill(f"{(int(number) + 1) % 1_000_000:06}")
        dialogue.get_by_role("button", name="Let it in").click()
        expect(dialogue.get_by_text("shows another number")).to_be_visible()
        dialogue.get_by_label("Number").fill(number)
        dialogue.get_by_role("button", name="Let it in").click()
        expect(row).to_contain_text(agent["name"])
        expect(waiting.get_by_text("You may close this page.")).to_be_visible()
        assert "chimera_search" in tools.result(timeout=ANSWER_SECONDS_MAX)
        row.get_by_role("button", name="Shut it out").click()
        expect(row).to_have_count(0)
