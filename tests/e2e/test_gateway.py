"""An outside agent at the door of a running fleet, with a stock MCP client: refused, held, approved, told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests import fleet
from tests.gateway.test_oauth import Browser, Kept
from tests.gateway.test_oauth import client_of as oauth_client_of
from tests.outside import agents, approved, example, serving, token_of, tool_servers

pytestmark = [pytest.mark.timeout(600), pytest.mark.requirement("R-N7", "R-H1")]
ASK_SECONDS_MAX = 60.0


@asynccontextmanager
async def client_of(url: str, token: str) -> AsyncGenerator[Client]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        yield client


async def ask(client: Client, called: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(called, arguments)
    assert isinstance(answer.structured_content, dict)
    return answer.structured_content


async def ended(client: Client, identifier: str, *wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(ASK_SECONDS_MAX):
        while True:
            answer = await ask(client, "chimera_result", id=identifier)
            if answer["status"] in wanted:
                return answer
            await asyncio.sleep(0.3)


def test_an_outside_agent_works_behind_the_door(made_home: Path) -> None:
    tool_servers(made_home)
    with fleet.running(made_home, "up", "--agents", "4", "--quiet") as started:
        # Its address is the last thing that it says: asking before would take the writer from whoever installs.
        fleet.until(lambda: "#once=" in started.out + started.err, seconds_max=90, what="the fleet is up")
        first, second = agents(made_home)[:2]
        tokens = [token_of(made_home, one) for one in (first, second)]
        with serving(made_home) as url:
            asyncio.run(works(made_home, url, tokens[0]["disclosure"], [one["token"] for one in tokens]))
            asyncio.run(admitted(made_home, url, first["name"]))
            refused = example("plain_mcp.py", url, tokens[0]["token"], "chimera_call", tool="odd/read_work")
            assert (refused["status"], bool(refused["reason"])) == ("refused", True)
        assert started.process.poll() is None
    assert fleet.chimera(made_home, "audit", "verify").code == 0


async def works(home: Path, url: str, disclosure: str, tokens: list[str]) -> None:
    async with client_of(url, tokens[0]) as client, client_of(url, tokens[1]) as other:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "chimera_search", "chimera_call", "chimera_post", "chimera_reply", "chimera_like", "chimera_take_down",
            "chimera_result"}  # fmt: skip
        refused = await ask(client, "chimera_call", tool="odd/read_work", arguments={"text": "hello"})
        assert refused["code"] in {"request_refused", "tool_quarantined"}
        assert refused["status"] == "refused"
        assert refused["remedy"]
        seen = await held(client, disclosure)
        assert seen["reasons"]
        for identifier in (seen["call_id"], seen["review_id"]):
            assert (await ask(other, "chimera_result", id=identifier))["code"] == "call_unknown"
        await approved(home, seen["review_id"])
        done = await ended(client, seen["review_id"], "done", "refused", "failed")
        assert done["status"] == "done", done
        assert done["receipt"]
        unsaid = await ask(client, "chimera_post", text="no disclosure at all")
        short = await ended(client, unsaid["call_id"], "refused", "failed", "held", "done")
        assert short["status"] in {"refused", "failed"}, short
    for token in ("nobody", "chm_nobody"):
        async with httpx2.AsyncClient() as http:
            answer = await http.post(url, json={}, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 401


class ByCommand:
    """The desk for programs, as a person at this machine has it: by the commands."""

    def __init__(self, home: Path, agent: str) -> None:
        self._home = home
        self._agent = agent
        self.agent = None

    async def asked(self) -> list[Any]:
        listed = await asyncio.to_thread(fleet.chimera, self._home, "gateway", "asks", "--json")
        return [SimpleNamespace(**one) for one in listed.object["programs"]]

    async def admit(self, identifier: str, *, agent: Any, scopes: Any, by: Any) -> None:
        words = ("gateway", "admit", identifier, "--agent", self._agent, "--scope", "chimera.read", "--json")
        told = await asyncio.to_thread(fleet.chimera, self._home, *words)
        assert told.object["programs"][0]["state"] == "admitted", told


async def admitted(home: Path, url: str, agent: str) -> None:
    desk: Any = ByCommand(home, agent)
    async with oauth_client_of(url, Browser(desk, desk), Kept()) as client:
        assert len((await client.list_tools()).tools) == 7
        refused = await ask(client, "chimera_post", text="hello")
        assert refused["code"] == "access_scope_missing"
        [program] = (await asyncio.to_thread(fleet.chimera, home, "gateway", "programs", "--json")).object["programs"]
        assert (program["program"], program["scopes"]) == ("a stock client", ["chimera.read"])
        revoked = await asyncio.to_thread(fleet.chimera, home, "gateway", "revoke", program["id"], "--json")
        assert revoked.code == 0, revoked


async def held(client: Client, disclosure: str) -> dict[str, Any]:
    """A post that a person is asked about. How sure the judge is differs from text to text: some go out at once."""
    for number in range(12):
        posted = await ask(client, "chimera_post", text=f"Patch {number} is quiet and its boss is good. {disclosure}")
        assert posted["status"] in {"held", "pending", "done"}, posted
        seen = await ended(client, posted["call_id"], "held", "done", "refused")
        if seen["status"] == "held":
            return seen
    raise AssertionError("twelve posts, and nobody was asked about one of them")


def test_on_standard_input_the_token_says_who_calls(home: Path) -> None:
    agent = agents(home)[0]
    token = token_of(home, agent)

    async def listed() -> int:
        parameters = StdioServerParameters(
            command=sys.executable, args=["-m", "chimera.cli.start", "gateway", "serve", "--stdio"],
            env={**fleet.environment(home), "CHIMERA_AGENT_TOKEN": token["token"]},
        )  # fmt: skip
        async with Client(parameters) as client:
            return len((await client.list_tools()).tools)

    assert asyncio.run(listed()) == 7
    assert fleet.chimera(home, "gateway", "take-back", agent["name"]).code == 0
    assert fleet.chimera(home, "gateway", "take-back", agent["name"]).code == 1
    assert fleet.chimera(home, "gateway", "serve", "--stdio").code == 2
    assert fleet.chimera(home, "gateway", "serve", "--stdio", "--token", token["token"]).code == 1
