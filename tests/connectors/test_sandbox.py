"""The sandbox connector is a server like any other: a stock client finds and uses its tools over every transport."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mcp import Client, StdioServerParameters
from mcp import types as mcp_types
from mcp.shared.exceptions import MCPError

import chimera
from chimera.adapters.mcp.session import McpSession
from chimera.adapters.system.clock import SystemClock
from chimera.connectors import desk
from chimera.connectors.sandbox import server
from chimera.connectors.sandbox.serving import http_server
from chimera.domain.errors import Unavailable
from chimera.rehearsal import catalogue, world
from chimera.rehearsal.line import Fault
from chimera.testing.manual_clock import ManualClock
from tests.rehearsal.worlds import QUIET, US

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
POST = {"account": US, "key": "k1", "text": "Hello. (AI persona)"}


def built() -> world.World:
    return world.build(QUIET, ManualClock(), accounts=(US,))


async def speak(client: Client) -> dict[str, Any]:
    """What any client would do: list, post twice under one key, find it, read it."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(listed) == set(catalogue.BY_NAME)
    posted = await client.call_tool("post", POST)
    assert not posted.is_error
    assert (await client.call_tool("post", POST)).structured_content == posted.structured_content
    found = await client.call_tool("find_by_key", {"account": US, "key": "k1"})
    assert found.structured_content == {"found": True, "receipt": posted.structured_content}
    timeline = (await client.call_tool("timeline", {"limit": 5})).structured_content["posts"]
    assert [post["text"] for post in timeline if post["author"] == US] == [POST["text"]]
    return posted.structured_content


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_stock_client_in_memory_in_both_revisions_of_the_protocol(mode: str) -> None:
    existing = built()
    async with Client(server.build(existing.line), mode=mode) as client:
        receipt = await speak(client)
    assert [deed.id for deed in existing.network.records()] == [receipt["id"]]


async def test_a_stock_client_over_standard_input_and_output() -> None:
    environment = {"PYTHONPATH": str(Path(chimera.__file__).parents[1])}
    before = await children()
    arguments = ["-m", "chimera.connectors.sandbox", "--people", "2", "--account", US]
    async with Client(StdioServerParameters(command=sys.executable, args=arguments, env=environment)) as client:
        await speak(client)
    assert await children() == before


async def children() -> set[int]:
    """Our child processes that still run."""
    await asyncio.sleep(0.05)
    tasks = Path(f"/proc/{os.getpid()}/task")
    return {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}


@asynccontextmanager
async def listening(existing: world.World) -> AsyncGenerator[str]:
    serving = http_server(server.build(existing.line), host="127.0.0.1", port=0)
    running = asyncio.create_task(serving.serve())
    while not serving.started:
        await asyncio.sleep(0.01)
    port = serving.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        serving.should_exit = True
        await running


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_stock_client_over_http(mode: str) -> None:
    existing = built()
    async with listening(existing) as url, Client(url, mode=mode) as client:
        await speak(client)
    assert len(existing.network.records()) == 1


async def test_a_network_in_a_process_of_its_own_outlives_its_clients(tmp_path: Path) -> None:
    (tmp_path / "scenario.json").write_bytes(msgspec.json.encode(QUIET))
    port = free_port()
    arguments = ["-m", "chimera.connectors.sandbox", "--scenario", str(tmp_path / "scenario.json"), "--port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(Path(chimera.__file__).parents[1])}
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments, env=environment)
    url, receipts = f"http://127.0.0.1:{port}/mcp", list[Any]()
    try:
        for _ in range(2):
            # The first one waits until the network is up: the session tries again until it is.
            async with McpSession(url, SystemClock()) as session:
                receipts.append((await session.call("post", POST)).structured_content)
    finally:
        child.terminate()
        await child.wait()
    assert receipts[0] == receipts[1]
    async with McpSession(url, Impatient()) as session:
        with pytest.raises(Unavailable):
            await session.call("post", POST)


class Impatient(SystemClock):
    """Ten times less patient."""

    def timeout(self, seconds: float) -> AbstractAsyncContextManager[Any]:
        return super().timeout(seconds / 10)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def test_annotations_say_what_a_tool_does() -> None:
    described = {tool.name: desk.described(tool) for tool in catalogue.TOOLS}
    reading = {name for name, tool in described.items() if tool.annotations and tool.annotations.read_only_hint}
    assert reading == {"find_by_key", "timeline", "thread", "mentions", "trends"}
    destructive = {name for name, tool in described.items() if tool.annotations and tool.annotations.destructive_hint}
    assert destructive == {"take_down", "pay"}
    for name in set(described) - reading:
        assert {"account", "key"} <= set(described[name].input_schema["required"])
        assert described[name].input_schema["additionalProperties"] is False


async def test_a_refusal_says_that_nothing_happened_and_a_silence_says_nothing() -> None:
    existing = built()
    async with Client(server.build(existing.line)) as client:
        long = await client.call_tool("post", POST | {"text": "x" * 301})
        assert long.is_error
        assert long.structured_content["happened"] is False
        assert long.structured_content["code"] == "text_too_long"
        wrong = await client.call_tool("post", POST | {"colour": "red"})
        assert wrong.structured_content["code"] == "arguments_malformed"
        existing.line.demand(Fault.REPLY_LOST)
        with pytest.raises(MCPError) as silent:
            await client.call_tool("post", POST)
        assert silent.value.code == mcp_types.INTERNAL_ERROR
        assert len(existing.network.records()) == 1
        with pytest.raises(MCPError):
            await client.call_tool("explode", {})


def test_the_reference_describes_every_tool_and_argument() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/sandbox-tools.md").read_text("utf-8")
    for tool in catalogue.TOOLS:
        section = text.partition(f"### `{tool.name}`")[2].partition("\n### ")[0]
        assert section, tool.name
        for argument in tool.schema["properties"]:
            assert f"`{argument}`" in section, (tool.name, argument)
