"""`chimera memory`: what the operator says is remembered, found by meaning, shown, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera.cli import output
from chimera.cli.main import app
from chimera.domain.agent import agent_id_of

AGENT = "gaming.banterpacks"
AGENTS = Path(__file__).resolve().parents[2] / "agents"
pytestmark = [pytest.mark.requirement("R-G3"), pytest.mark.timeout(180)]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = output.run(app, ["memory", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


def test_what_is_kept_is_found_shown_and_forgotten(hosted_home: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(hosted_home))
    _, kept = said(capsys, "keep", "jokes about lag work well on Fridays")
    said(capsys, "keep", "the printer is out of paper")
    _, found = said(capsys, "search", "which humour is liked at the end of the week")
    assert found["memories"][0]["id"] == kept["id"]
    assert said(capsys, "show", kept["id"])[1]["labels"] == ["operator"]
    # Reading is on record, like a read through the API: a search, and the one memory that was shown.
    output.run(app, ["audit", "show", "--kind", "DATA_READ", "--json"])
    events = msgspec.json.decode(capsys.readouterr().out)["events"]
    reads = [one for event in events for one in event["data"]["reads"]]
    assert [(one["route"], one["records"]) for one in reads] == [
        ("cli/memories", []), ("cli/memories", [kept["id"]]), ("cli/audit/show", []),
    ]  # fmt: skip
    assert said(capsys, "secret", kept["id"])[1]["labels"] == ["operator", "secret"]
    _, found = said(capsys, "search", "which humour is liked at the end of the week")
    assert found["memories"][0]["labels"] == ["operator", "secret"], "found as before, under its label"
    assert said(capsys, "forget", kept["id"])[1]["text"] == ""
    assert said(capsys, "secret", kept["id"])[0] == 1
    assert said(capsys, "forget", kept["id"])[0] == 1
    assert [one["text"] for one in said(capsys, "search", "jokes")[1]["memories"]] == ["the printer is out of paper"]
    assert said(capsys, "compact", "--older-than", "0")[1] == {"summaries": []}


def test_an_agent_s_own_memories_are_kept_under_its_name_and_nobody_s_are_not_kept(
    hosted_home: Path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(hosted_home))
    assert said(capsys, "keep", "speedruns are liked", "--owner", AGENT)[1]["error"]["code"] == "agent_unknown"
    assert output.run(app, ["agent", "install", str(AGENTS / AGENT), "--json"]) == 0
    capsys.readouterr()
    said(capsys, "keep", "speedruns are liked", "--owner", AGENT)
    named = said(capsys, "search", "speedruns", "--owner", agent_id_of(AGENT))[1]["memories"]
    assert [one["owner"] for one in named if one["text"] == "speedruns are liked"] == [agent_id_of(AGENT)]
    assert said(capsys, "search", "speedruns", "--owner", "studio.nobody")[0] == 2
