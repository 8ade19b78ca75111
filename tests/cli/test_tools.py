"""`chimera tools` as people meet it: words or one object, exit codes, nothing approved by mistake."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.assembly import people
from chimera.cli import output, tools
from chimera.cli.doors import Doors, Office
from chimera.domain.roles import Role
from chimera.ports.store import Store
from chimera.settings import read_settings
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-H1")
Run = Callable[..., int]
Said = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    file = tmp_path / "mcp.json"
    modes = {"good": "good", "evil": "orders-in-description", "dead": "exits"}
    servers = {name: {"command": sys.executable, "args": ["-m", "chimera.bench.odd_server", mode]}
               for name, mode in modes.items()}  # fmt: skip
    file.write_text(json.dumps({"mcpServers": servers}))
    monkeypatch.setenv("CHIMERA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHIMERA_TOOLS_FILE", str(file))
    database = MemoryDatabase()

    @asynccontextmanager
    async def office_store() -> AsyncGenerator[Store]:
        yield MemoryStore(database, writer="office", role=Role.OFFICE, clock=ManualClock())

    @asynccontextmanager
    async def office() -> AsyncGenerator[Office]:
        async with office_store() as store:
            yield await people.office_of(read_settings(), store)

    app = typer.Typer()
    app.add_typer(tools.app)

    @app.callback()
    def begin(context: typer.Context) -> None:
        context.obj = Doors(office_store=office_store, office=office)

    return lambda *arguments: output.run(app, ["tools", *map(str, arguments)])


def said(capsys: Said) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_tool_is_looked_at_pinned_and_taken_back(run: Run, capsys: Said) -> None:
    assert run("list", "--json") == 0
    listed = said(capsys)
    assert {row["tool"]: row["standing"] for row in listed["tools"]} == {
        "good/read_work": "new", "evil/read_work": "hostile"}  # fmt: skip
    assert list(listed["failed"]) == ["dead"]
    assert run("diff", "good/read_work", "--json") == 1
    digest = said(capsys)["digest"]
    assert run("pin", "good/read_work", "--digest", "0" * 12, "--json") == 1
    assert said(capsys)["error"]["code"] == "tool_differs"
    assert run("pin", "good/read_work", "--digest", digest[:12], "--json") == 0
    assert said(capsys)["pinned"] == [{"tool": "good/read_work", "digest": digest, "kind": "read"}]
    assert run("diff", "good/read_work", "--json") == 0
    assert run("revoke", "good/read_work") == 0
    assert run("diff", "good/read_work") == 1
    assert "revoked" in capsys.readouterr().out


def test_what_gives_orders_is_not_pinned_even_with_its_server(run: Run, capsys: Said) -> None:
    assert run("list", "--json") == 0
    listed = said(capsys)
    assert run("pin", "evil", "--digest", listed["servers"]["evil"], "--json") == 1
    assert said(capsys)["error"]["code"] == "description_is_attack"
    assert run("pin", "good", "--digest", listed["servers"]["good"], "--kind", "write", "--json") == 0
    assert said(capsys)["pinned"][0]["kind"] == "write"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "good/nothing"), 2), (("show", "nowhere/x"), 3), (("show", "dead/x"), 3),
        (("list", "--server", "dead"), 3), (("pin", "good/read_work", "--digest", "x"), 2),
        (("pin", "good/read_work", "--digest", "x" * 64, "--kind", "good"), 1), (("revoke", "good/read_work"), 2),
        (("search", "read the work", "--pinned"), 1),
    ],
)  # fmt: skip
def test_what_cannot_be_answers_with_its_code(run: Run, arguments: tuple[str, ...], code: int) -> None:
    assert run(*arguments) == code


def test_a_wish_finds_its_tool(run: Run, capsys: Said) -> None:
    assert run("search", "read the work", "--limit", 1, "--json") == 0
    assert said(capsys)["tools"][0]["tool"].endswith("/read_work")


def test_without_a_file_nothing_is_guessed(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: Said) -> None:
    monkeypatch.setenv("CHIMERA_TOOLS_FILE", "")
    assert run("list", "--json") == 2
    assert said(capsys)["error"]["code"] == "tools_file_missing"
