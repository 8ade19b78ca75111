"""An outside agent at the door of a running fleet, with a stock MCP client: refused, held, approved, told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

from tests import fleet

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


def tool_servers(home: Path) -> None:
    odd = {"command": sys.executable, "args": ["-m", "chimera.bench.odd_server", "good"]}
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "mcp.json").write_text(json.dumps({"mcpServers": {"odd": odd}}))


def agents(home: Path) -> list[dict[str, Any]]:
    listed = fleet.chimera(home, "agent", "list", "--json")
    assert listed.code == 0, listed
    return [one for one in listed.object["agents"] if "post.publish" in one["permissions"]]


def token_of(home: Path, agent: dict[str, Any]) -> dict[str, str]:
    return fleet.chimera(home, "gateway", "token", agent["name"], "--json").object


@contextmanager
def serving(home: Path) -> Generator[str]:
    """The gateway beside the fleet, and where it listens."""
    said = home.with_name("gateway.out")
    with said.open("wb") as out:
        child = subprocess.Popen(fleet.words("gateway", "serve", "--port", "0"), env=fleet.environment(home),
                                 stdout=out, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        fleet.until(lambda: "the gateway: http" in said.read_text(), seconds_max=150, what="the gateway listens")
        yield said.read_text().split("the gateway: ")[1].split()[0]
    finally:
        child.terminate()
        assert child.wait(timeout=60) == 0


def test_an_outside_agent_works_behind_the_door(new_home: Path) -> None:
    tool_servers(new_home)
    with fleet.running(new_home, "up", "--agents", "4", "--quiet") as started:
        # Its address is the last thing that it says: asking before would take the writer from whoever installs.
        fleet.until(lambda: "#once=" in started.out + started.err, seconds_max=90, what="the fleet is up")
        first, second = agents(new_home)[:2]
        tokens = [token_of(new_home, one) for one in (first, second)]
        with serving(new_home) as url:
            asyncio.run(works(new_home, url, tokens[0]["disclosure"], [one["token"] for one in tokens]))
        assert started.process.poll() is None
    assert fleet.chimera(new_home, "audit", "verify").code == 0


async def works(home: Path, url: str, disclosure: str, tokens: list[str]) -> None:
    async with client_of(url, tokens[0]) as client, client_of(url, tokens[1]) as other:
        assert {tool.name for tool in (await client.list_tools()).tools} == {
            "chimera_search", "chimera_call", "chimera_post", "chimera_reply", "chimera_like", "chimera_take_down",
            "chimera_result"}  # fmt: skip
        refused = await ask(client, "chimera_call", tool="odd/read_work", arguments={"text": "hello"})
        assert refused["code"] in {"tool_not_permitted", "tool_quarantined"}
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


async def held(client: Client, disclosure: str) -> dict[str, Any]:
    """A post that a person is asked about. How sure the judge is differs from text to text: some go out at once."""
    for number in range(12):
        posted = await ask(client, "chimera_post", text=f"Patch {number} is quiet and its boss is good. {disclosure}")
        assert posted["status"] in {"held", "pending", "done"}, posted
        seen = await ended(client, posted["call_id"], "held", "done", "refused")
        if seen["status"] == "held":
            return seen
    raise AssertionError("twelve posts, and nobody was asked about one of them")


async def approved(home: Path, review_id: str) -> None:
    listed = await asyncio.to_thread(fleet.chimera, home, "review", "list", "--json")
    assert review_id in listed.out
    shown = (await asyncio.to_thread(fleet.chimera, home, "review", "show", review_id, "--json")).object
    digest = str(shown["digest"])
    ruled = await asyncio.to_thread(fleet.chimera, home, "review", "approve", review_id, "--digest", digest, "--json")
    assert ruled.code == 0, ruled


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
