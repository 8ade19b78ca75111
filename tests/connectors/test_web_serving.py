"""`chimera connector serve feeds | pages` as any MCP client starts it: on standard input and output, in a process."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests import fleet
from tests.connectors.test_web_reading import PAGE, RSS
from tests.connectors.web_house import Web, answer, serving

# Each starts the whole command in a process of its own, twice.
pytestmark = [pytest.mark.slow, pytest.mark.requirement("R-N5")]


@pytest.fixture
async def web() -> AsyncGenerator[Web]:
    async with serving() as started:
        yield started


@pytest.mark.parametrize(
    ("name", "tool", "body", "said"),
    [("feeds", "feed", RSS, "Co-op lasts 12 days."), ("pages", "web", PAGE, "new healer class")],
)
async def test_a_stock_client_reads_the_web_through_a_connector(
    web: Web, tmp_path: Path, name: str, tool: str, body: str, said: str
) -> None:
    web.pages["/x"] = answer(body)
    words = fleet.words("connector", "serve", name)[1:]
    for hosts, code in ((web.host, None), ("", "web_address_private")):
        started = StdioServerParameters(command=sys.executable, args=words,
                                        env=fleet.environment(tmp_path, CHIMERA_WEB_PRIVATE_HOSTS=hosts))  # fmt: skip
        async with Client(stdio_client(started)) as client:
            assert [one.name for one in (await client.list_tools()).tools] == [tool]
            told: Any = (await client.call_tool(tool, {"url": web.url("/x")})).structured_content
        assert told.get("code") == code, told
        assert (said in str(told)) is (code is None)
