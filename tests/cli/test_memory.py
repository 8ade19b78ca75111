"""`chimera memory`: what the operator says is remembered, found by meaning, shown, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from chimera.cli import output
from chimera.cli.main import app
from chimera.pipeline.installer import agent_id_of

pytestmark = [pytest.mark.requirement("R-G3"), pytest.mark.timeout(180)]


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = output.run(app, ["memory", *arguments, "--json"])
    return code, msgspec.json.decode(capsys.readouterr().out)


def test_what_is_kept_is_found_shown_and_forgotten(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("CHIMERA_HOME", str(tmp_path / "home"))
    _, kept = said(capsys, "keep", "jokes about lag work well on Fridays")
    said(capsys, "keep", "the printer is out of paper")
    _, found = said(capsys, "search", "which humour is liked at the end of the week")
    assert found["memories"][0]["id"] == kept["id"]
    assert said(capsys, "show", kept["id"])[1]["labels"] == ["operator"]
    # Reading is on record, like a read through the API: a search, and the one memory that was shown.
    output.run(app, ["audit", "show", "--kind", "DATA_READ", "--json"])
    events = msgspec.json.decode(capsys.readouterr().out)["events"]
    reads = [one for event in events for one in event["data"]["reads"]]
    assert [(one["route"], one["records"]) for one in reads] == [("cli/memories", []), ("cli/memories", [kept["id"]])]
    assert said(capsys, "secret", kept["id"])[1]["labels"] == ["operator", "secret"]
    _, found = said(capsys, "search", "which humour is liked at the end of the week")
    assert found["memories"][0]["labels"] == ["operator", "secret"], "found as before, under its label"
    assert said(capsys, "forget", kept["id"])[1]["text"] == ""
    assert said(capsys, "secret", kept["id"])[0] == 1
    assert said(capsys, "forget", kept["id"])[0] == 1
    assert [one["text"] for one in said(capsys, "search", "jokes")[1]["memories"]] == ["the printer is out of paper"]
    assert said(capsys, "compact", "--older-than", "0")[1] == {"summaries": []}
    said(capsys, "keep", "speedruns are liked", "--owner", "studio.one")
    named = said(capsys, "search", "speedruns", "--owner", "studio.one")[1]["memories"]
    assert [one["owner"] for one in named if one["text"] == "speedruns are liked"] == [agent_id_of("studio.one")]
