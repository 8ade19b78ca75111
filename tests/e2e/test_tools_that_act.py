"""A tool that does more than read, by way of the door: held, approved, called once, also when the fleet is killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import fleet, homes
from tests.e2e.test_gateway import ask, client_of, ended
from tests.fleet import Running
from tests.notes_server import lines_of
from tests.outside import approved, serving, token_of

pytestmark = [pytest.mark.timeout(900), pytest.mark.requirement("R-N7", "R-H1", "R-A4")]
ROOT = Path(__file__).parents[2]
AGENT = "studio.newsdesk"
UP_SECONDS_MAX = 240
KINDS = {"notes/add_note": "write", "notes/book_note": "write", "notes/read_notes": "read"}


def furnished(home: Path) -> Path:
    """An agent that may write notes by a tool server, and nothing else there. Where the notes will stand."""
    file = home.with_name("notes")
    notes = {"command": sys.executable, "args": ["-m", "tests.notes_server", str(file)], "cwd": str(ROOT)}
    (home / "mcp.json").write_text(json.dumps({"mcpServers": {"notes": notes}}))
    package = home.with_name(AGENT)
    package.mkdir()
    for one in (ROOT / "agents" / AGENT).iterdir():
        (package / one.name).write_bytes(one.read_bytes())
    written: dict[str, Any] = yaml.safe_load((package / "manifest.yaml").read_text())
    written["permissions"] = [*written["permissions"], "tools.write"]
    written["capabilities"] = [*written["capabilities"], "relay"]
    (package / "manifest.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
    with homes.hosted(home):
        pin_and_install(home, package)
    return file


def pin_and_install(home: Path, package: Path) -> None:
    # All tools of the server at once: each command starts the server anew.
    listed = fleet.chimera(home, "tools", "list", "--json").object
    pinned = fleet.chimera(home, "tools", "pin", "notes", "--digest", listed["servers"]["notes"], "--json")
    assert {one["tool"]: one["kind"] for one in pinned.object["pinned"]} == KINDS, pinned
    for words in (("agent", "install", package), ("agent", "activate", AGENT)):
        done = fleet.chimera(home, *words)
        assert done.code == 0, done


def started(home: Path) -> Running:
    up = Running(home, "up", "--agents", "4", "--quiet")
    fleet.until(lambda: "#once=" in up.out + up.err, seconds_max=UP_SECONDS_MAX, what="the fleet is up")
    return up


def test_a_tool_is_held_approved_and_called_once(made_home: Path) -> None:
    with at_work(made_home) as (_, url, token, file):
        asyncio.run(held_and_done(made_home, url, token, file))
    assert fleet.chimera(made_home, "audit", "verify").code == 0


@pytest.mark.faults
def test_a_tool_is_called_once_whatever_is_killed(made_home: Path) -> None:
    with at_work(made_home) as (up, url, token, file):
        for tool in ("add_note", "book_note"):
            up = struck(made_home, up, file, lambda asked: asyncio.run(with_client(url, token, asked)), tool)
        up.stop(120)
    assert fleet.chimera(made_home, "audit", "verify").code == 0


@contextlib.contextmanager
def at_work(home: Path) -> Generator[tuple[Running, str, str, Path]]:
    """A fleet with the agent in it, the gateway's address, the agent's token, and where the notes stand."""
    file = furnished(home)
    up = started(home)
    try:
        token = token_of(home, {"name": AGENT})["token"]
        with serving(home) as url:
            yield up, url, token, file
    finally:
        up.stop(120)
        fleet.end_all(home)


async def with_client(url: str, token: str, asked: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    async with client_of(url, token) as client:
        return await ask(client, asked[0], **asked[1])


async def held_and_done(home: Path, url: str, token: str, file: Path) -> None:
    async with client_of(url, token) as client:
        found = (await ask(client, "chimera_search", wish="add a note"))["tools"]
        assert {one["tool"]: one["does"] for one in found}["notes/add_note"] == "write"
        wrong: dict[str, Any] = {"tool_arguments": 5, "egress_refused": "https://evil.example/x"}
        for code, text in wrong.items():
            refused = await ask(client, "chimera_call", tool="notes/add_note", arguments={"text": text})
            assert refused["code"] == code, refused
        given = {"text": "Buy flour.", "weight": 0.5}
        asked = await ask(client, "chimera_call", tool="notes/add_note", arguments=given)
        held = await ended(client, asked["call_id"], "held", "done", "refused", "failed")
        assert held["status"] == "held", held
        assert lines_of(file) == []
        await approved(home, held["review_id"])
        done = await ended(client, held["review_id"], "done", "refused", "failed")
        assert done["status"] == "done", done
        assert done["receipt"]["content"] == {"text": "noted: Buy flour."}
        assert done["receipt"]["labels"] == ["public", "tool:notes/add_note"]
        assert lines_of(file) == ["- Buy flour."]
        read = await ask(client, "chimera_call", tool="notes/read_notes", arguments={})
        assert read["content"] == {"text": "- Buy flour."}


def struck(
    home: Path, up: Running, file: Path, called: Callable[[tuple[str, dict[str, Any]]], dict[str, Any]], tool: str
) -> Running:
    """The fleet dies between the call and its record. What was approved has happened once when all is over."""
    text = f"Struck by {tool}."
    asked = called(("chimera_call", {"tool": f"notes/{tool}", "arguments": {"text": text}}))
    held = until(called, asked["call_id"], "held")
    file.with_suffix(".strike").write_text(str(up.process.pid))
    asyncio.run(approved(home, held["review_id"]))
    up.process.wait(120)
    assert sum(text in line for line in lines_of(file)) == 1
    again = started(home)
    if tool == "add_note":
        # It knows no key: whoever can look says whether it happened.
        asyncio.run(approved(home, doubt(home)))
    done = until(called, asked["call_id"], "done", "refused", "failed")
    assert done["status"] == "done", done
    assert sum(text in line for line in lines_of(file)) == 1
    return again


def until(called: Callable[..., dict[str, Any]], call_id: str, *wanted: str) -> dict[str, Any]:
    answers: list[dict[str, Any]] = []

    def there() -> bool:
        answers.append(called(("chimera_result", {"id": call_id})))
        return answers[-1]["status"] in wanted

    fleet.until(there, seconds_max=240, what=f"the call is {wanted}")
    return answers[-1]


def doubt(home: Path) -> str:
    found: list[str] = []

    def asked() -> bool:
        open_now = fleet.chimera(home, "review", "list", "--json").object["reviews"]
        found.extend(one["id"] for one in open_now if one["about"] == "doubt")
        return bool(found)

    fleet.until(asked, seconds_max=240, what="a person is asked whether it happened")
    return found[0]
