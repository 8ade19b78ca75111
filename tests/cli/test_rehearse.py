"""`chimera rehearse`: versions side by side, of a scenario and of an installed agent; who is not there is named."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer

from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.cli.rehearse import rehearse
from chimera.domain.roles import Role
from chimera.ports.store import Store
from chimera.testing.manual_clock import ManualClock
from tests.cli.test_commands import Run, Said, house, one_object

pytestmark = [pytest.mark.requirement("R-B6", "R-N5"), pytest.mark.timeout(120)]
WEEK = """
name: tiny
days: 1
posts_per_day: 4
seeds: [1, 2]
habits: {people: 500}
versions:
  - {name: ours, chooses: by what it learns}
  - {name: baseline, chooses: by chance, pictures: false}
"""


@pytest.fixture
def run() -> Run:
    database = MemoryDatabase()

    @asynccontextmanager
    async def office_store() -> AsyncGenerator[Store]:
        yield MemoryStore(database, writer="office", role=Role.OFFICE, clock=ManualClock())

    def more(app: typer.Typer) -> None:
        app.command()(rehearse)

    return house(office_store, more=more)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(WEEK)
    return file


def test_a_newcomers_two_versions_stand_side_by_side(
    run: Run, scenario: Path, tmp_path: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("agent", "new", "my.persona") == 0
    assert run("agent", "install", "my.persona") == 0
    manifest = tmp_path / "my.persona" / "manifest.yaml"
    text = manifest.read_text().replace('"1.0.0"', '"1.1.0"').replace("posts_per_day_max: 10", "posts_per_day_max: 2")
    manifest.write_text(text)
    assert run("agent", "install", "my.persona") == 0
    capsys.readouterr()
    assert run("rehearse", scenario, "--agent", "my.persona", "--json") == 0
    cards = one_object(capsys)["scorecards"]
    assert [(one["package_version"], len(one["trials"])) for one in cards] == [("1.0.0", 2), ("1.1.0", 2)]
    assert [one["trials"][0]["posts"] for one in cards] == [4, 2]
    assert run("rehearse", scenario, "--agent", "my.persona") == 0
    assert "times chance" in capsys.readouterr().out


def test_the_versions_of_a_file_are_compared_without_a_database(run: Run, scenario: Path, capsys: Said) -> None:
    assert run("rehearse", scenario, "--json") == 0
    told = one_object(capsys)
    assert [one["version"] for one in told["versions"]] == ["ours", "baseline"]
    assert [(one["seed"], one["version"]) for one in told["outcomes"]] == [
        (1, "ours"), (1, "baseline"), (2, "ours"), (2, "baseline"),
    ]  # fmt: skip


def test_an_agent_that_is_not_there_is_named(run: Run, scenario: Path, capsys: Said) -> None:
    for words in (("rehearse", scenario, "--agent", "my.nobody"), ("agent", "figures", "my.nobody")):
        assert run(*words) == 2
        assert "my.nobody" in capsys.readouterr().err
