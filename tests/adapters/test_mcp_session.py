"""The session survives servers that die, hang and talk nonsense, and says truly what may have had an effect."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp import types as mcp_types
from mcp.server import Server
from mcp.shared.exceptions import MCPError

import chimera
from chimera.adapters.mcp.publisher import McpPublisher, Route
from chimera.adapters.mcp.session import NOT_SENT, REPLY_LOST, McpSession
from chimera.adapters.system.clock import SystemClock
from chimera.domain import canonical
from chimera.domain.action import Action
from chimera.domain.errors import Unavailable
from chimera.ports.publisher import Order, Outcome, Published, Rejected, Traits, Unknown

pytestmark = pytest.mark.requirement("R-H1", "R-A4")
TRAITS = Traits(deduplicates=False, looks_up=False, settling_seconds=0)
ANYTHING = {"type": "object"}
Handler = Callable[[dict[str, Any]], Awaitable[mcp_types.CallToolResult]]


def result(structured: Any = None, *, text: str = "", is_error: bool = False) -> mcp_types.CallToolResult:
    return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=text)], structured_content=structured,
                                    is_error=is_error)  # fmt: skip


def serving(handler: Handler, *, name: str = "post", schema: dict[str, Any] | None = None) -> Server[Any]:
    async def listed(_context: Any, _params: Any) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=[mcp_types.Tool(name=name, input_schema=schema or ANYTHING)])

    async def called(_context: Any, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        return await handler(dict(params.arguments or {}))

    return Server("odd", on_list_tools=listed, on_call_tool=called)


async def outcome_of(server: Server[Any], *, seconds: float = 5) -> Outcome:
    clock = SystemClock()
    action = Action(kind="post.publish", platform="odd", account="@us", arguments={"text": "hi"})
    async with McpSession(server, clock) as session:
        publisher = McpPublisher({"odd": Route(session=session, traits=TRAITS)}, clock)
        deadline_us = clock.now_us() + int(seconds * 1_000_000)
        return await publisher.publish(Order(grant_id="g1", action=action, deadline_us=deadline_us))


async def test_only_an_error_that_says_so_proves_that_nothing_happened() -> None:
    async def declines(_: dict[str, Any]) -> mcp_types.CallToolResult:
        return result({"happened": False, "code": "closed", "later": True}, is_error=True)

    async def fails(_: dict[str, Any]) -> mcp_types.CallToolResult:
        return result(text="something broke, perhaps after the fact", is_error=True)

    assert await outcome_of(serving(declines)) == Rejected("closed", later=True)
    assert isinstance(await outcome_of(serving(fails)), Unknown)


@pytest.mark.parametrize(
    "error",
    [
        MCPError(mcp_types.INTERNAL_ERROR, "broke"), MCPError(mcp_types.INVALID_PARAMS, "after the act"),
        ValueError("a bug"), TimeoutError(), OSError("a disk"),
    ],
)  # fmt: skip
async def test_whatever_a_server_raises_may_have_happened(error: Exception) -> None:
    async def raises(_: dict[str, Any]) -> mcp_types.CallToolResult:
        raise error

    assert isinstance(await outcome_of(serving(raises)), Unknown)


async def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    async def hangs(_: dict[str, Any]) -> mcp_types.CallToolResult:
        await asyncio.sleep(60)
        return result({})

    begun = asyncio.get_running_loop().time()
    assert isinstance(await outcome_of(serving(hangs), seconds=0.3), Unknown)
    assert asyncio.get_running_loop().time() - begun < 5


async def test_a_receipt_can_be_recorded_whatever_it_holds() -> None:
    async def odd(_: dict[str, Any]) -> mcp_types.CallToolResult:
        return result({"id": "p1", "score": 0.5, "größe": 2**60, "nul": "a\x00b", "deep": [{"x": None}]})

    published = await outcome_of(serving(odd))
    assert isinstance(published, Published)
    canonical.require_plain(published.receipt)
    assert published.receipt["id"] == "p1"
    assert published.receipt["score"] == "0.5"


async def test_text_without_structure_is_a_receipt_too() -> None:
    async def talks(_: dict[str, Any]) -> mcp_types.CallToolResult:
        return result(text="posted as p1")

    assert await outcome_of(serving(talks)) == Published({"text": "posted as p1"})


async def test_what_the_connector_does_not_offer_or_take_is_not_sent() -> None:
    calls: list[dict[str, Any]] = []

    async def notes(arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        calls.append(arguments)
        return result({})

    assert isinstance(await outcome_of(serving(notes, name="toot")), Rejected)
    strict = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    assert await outcome_of(serving(notes, schema=strict)) == Rejected("arguments_malformed")
    assert calls == []


async def test_nobody_there_means_not_sent() -> None:
    async with McpSession(StdioServerParameters(command="/nonexistent/server"), Impatient()) as session:
        with pytest.raises(Unavailable) as refused:
            await session.call("post", {})
        assert refused.value.code == NOT_SENT
        publisher = McpPublisher({"odd": Route(session=session, traits=TRAITS)}, SystemClock())
        action = Action(kind="post.publish", platform="odd", account="@us", arguments={"text": "hi"})
        outcome = await publisher.publish(Order(grant_id="g1", action=action, deadline_us=2**60))
        assert isinstance(outcome, Rejected)
        assert outcome.later


class Impatient(SystemClock):
    """A hundred times less patient."""

    def timeout(self, seconds: float) -> Any:
        return super().timeout(seconds / 100)


SERVER = [
    "-c",
    """
import asyncio, os, sys
from mcp import types as mcp_types
from mcp.server import Server
from mcp.server.stdio import stdio_server
async def listed(context, params):
    return mcp_types.ListToolsResult(tools=[mcp_types.Tool(name=name, input_schema={"type": "object"})
                                            for name in ("pid", "hang")])
async def called(context, params):
    if params.name == "hang":
        await asyncio.sleep(60)
    return mcp_types.CallToolResult(content=[], structured_content={"pid": os.getpid()})
async def main():
    server = Server("mortal", on_list_tools=listed, on_call_tool=called)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
asyncio.run(main())
""",
]


async def test_after_the_server_s_death_the_call_is_in_doubt_and_the_next_one_goes_to_a_new_server() -> None:
    environment = {"PYTHONPATH": str(Path(chimera.__file__).parents[1])}
    async with McpSession(StdioServerParameters(command=sys.executable, args=SERVER, env=environment),
                          SystemClock()) as session:  # fmt: skip
        first = (await session.call("pid", {})).structured_content["pid"]
        hanging = asyncio.create_task(session.call("hang", {}))
        await asyncio.sleep(0.2)
        os.kill(first, signal.SIGKILL)
        with pytest.raises(Unavailable) as lost:
            await hanging
        assert lost.value.code == REPLY_LOST
        second = (await session.call("pid", {})).structured_content["pid"]
        assert second != first
        assert session.connections == 2
    for pid in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_closing_while_nobody_can_be_reached_does_not_wait() -> None:
    begun = asyncio.get_running_loop().time()
    async with McpSession(StdioServerParameters(command="/nonexistent/server"), SystemClock()):
        await asyncio.sleep(0.05)
    assert asyncio.get_running_loop().time() - begun < 2


async def test_a_caller_who_gives_up_does_not_hurt_the_others() -> None:
    async def slow(arguments: dict[str, Any]) -> mcp_types.CallToolResult:
        await asyncio.sleep(arguments["seconds"])
        return result({"seconds": "done"})

    async with McpSession(serving(slow), SystemClock()) as session:
        impatient = asyncio.create_task(session.call("post", {"seconds": 30}))
        patient = asyncio.create_task(session.call("post", {"seconds": 0.3}))
        await asyncio.sleep(0.05)
        impatient.cancel()
        assert (await patient).structured_content == {"seconds": "done"}
        with pytest.raises(asyncio.CancelledError):
            await impatient
        assert session.connections == 1
