"""A rehearsal from beginning to end, and everything that can be asked about it afterwards."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import fleet
from tests.e2e.conftest import AGENTS

# A machine that is busy with other things needs longer than one minute for a rehearsal.
pytestmark = pytest.mark.timeout(300)

TASK_DONE = (
    "SELECT t.id::text FROM chimera.task t JOIN chimera.attempt a ON a.scope = t.id::text WHERE t.state = 'done'"
)
ATTEMPTS = "SELECT count(*) FROM chimera.attempt"
WITH_PICTURES = "SELECT count(*) FROM chimera.attempt WHERE convert_from(body, 'UTF8') LIKE '%\"vouched\":[\"%'"


@pytest.mark.requirement("R-N5", "R-A4", "R-E2")
def test_its_books_agree_and_its_answer_has_every_key(rehearsed: Path) -> None:
    summary = json.loads((rehearsed / "answer.json").read_text())
    fleet.require_sound(summary)
    assert summary["agents"] == AGENTS
    assert summary["tasks"].keys() >= {"completed", "failed"}
    assert summary["attacks"].keys() >= {"planted", "caught"}
    assert summary["published"] >= 4 * AGENTS
    assert min(summary["held"], summary["refused"], summary["spent_micros"], summary["events"]) > 0


@pytest.mark.requirement("R-E7", "R-K1")
def test_its_history_verifies_and_a_task_can_be_told_and_replayed(home: Path, ask: Callable[..., Any]) -> None:
    task = ask(lambda database: database.fetchval(TASK_DONE))
    verified = fleet.chimera(home, "audit", "verify", "--json")
    assert (verified.code, verified.object["verified"], verified.object["flaws"]) == (0, True, [])
    told = fleet.chimera(home, "spec", "trace", task, "--json").object
    assert told["task"]["id"] == task
    assert told["spec"].keys() == {"name", "version", "digest"}
    assert told["attempts"]
    assert "DRAFT_JUDGED" in {event["kind"] for event in told["events"]}
    assert all(event["chain"] and event["sequence"] for event in told["events"])
    replayed = fleet.chimera(home, "replay", task)
    assert (replayed.code, replayed.err) == (0, ""), replayed
    assert "the same bytes, verdicts and reasons" in replayed.out
    assert ask(lambda database: database.fetchval(WITH_PICTURES)) > 0
    everything = fleet.chimera(home, "replay", "--all", "--json").object
    assert everything["same"] and everything["attempts"] == ask(lambda database: database.fetchval(ATTEMPTS))
    assert fleet.processes_of(home) == {}


@pytest.mark.requirement("R-K1")
def test_a_record_that_was_altered_does_not_replay(home: Path, ask: Callable[..., Any]) -> None:
    """Somebody made a recorded draft a little more confident than it was."""
    task = ask(lambda database: database.fetchval(TASK_DONE))
    body = ask(lambda database: database.fetchval("SELECT body FROM chimera.attempt WHERE scope = $1", task))
    attempt = json.loads(body)
    attempt["draft"]["confidence_bp"] = attempt["draft"]["confidence_bp"] + 1
    write = "UPDATE chimera.attempt SET body = $2 WHERE scope = $1"
    ask(lambda database: database.execute(write, task, json.dumps(attempt).encode()))
    replayed = fleet.chimera(home, "replay", task, "--json")
    assert replayed.code == 1, replayed
    assert replayed.object["same"] is False
    assert replayed.object["difference"]["stage"] == "draft"
    assert replayed.object["difference"]["where"] == "draft.confidence_bp"


@pytest.mark.requirement("R-L4", "R-E7")
def test_every_field_of_its_events_is_in_the_reference(ask: Callable[..., Any]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "events.md").read_text("utf-8")
    described = dict(re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    events = [json.loads(row["body"]) for row in ask(lambda database: database.fetch("SELECT body FROM chimera.event"))]
    assert len({event["kind"] for event in events}) > 8
    for event in events:
        unknown = [name for name in event["data"] if f"| `{name}` |" not in described[event["kind"]]]
        assert not unknown, (event["kind"], unknown)


@pytest.mark.requirement("R-M2", "R-E5", "R-C1")
@pytest.mark.usefixtures("hosted_rehearsal")
def test_the_other_commands_on_the_same_home(home: Path) -> None:
    doctor = fleet.chimera(home, "doctor", "--json")
    assert (doctor.code, doctor.object["ok"]) == (0, True), doctor
    halted = fleet.chimera(home, "halt", "fleet", "--reason", "a look", "--json")
    assert (halted.code, halted.object["scope"], halted.object["state"]) == (0, "fleet", "active")
    again = fleet.chimera(home, "halt", "fleet", "--json")
    assert (again.code, again.object["error"]["code"]) == (1, "halted_already")
    lifted = fleet.chimera(home, "resume", "fleet", "--json")
    assert (lifted.code, lifted.object["state"]) == (0, "lifted")
    nothing = fleet.chimera(home, "resume", "fleet", "--json")
    assert (nothing.code, nothing.object["error"]["code"]) == (2, "not_halted")
    assert fleet.chimera(home, "audit", "verify").code == 0


@pytest.mark.requirement("R-C1", "R-C3")
@pytest.mark.usefixtures("hosted_rehearsal")
def test_an_agent_is_installed_listed_and_activated(home: Path) -> None:
    package = Path(__file__).parents[2] / "agents" / "gaming.banterpacks"
    installed = fleet.chimera(home, "agent", "install", package, "--json")
    assert (installed.code, installed.object["name"]) == (0, "gaming.banterpacks"), installed
    assert fleet.chimera(home, "agent", "activate", "gaming.banterpacks").code == 0
    listed = fleet.chimera(home, "agent", "list", "--json").object["agents"]
    assert ("gaming.banterpacks", "active") in [(one["name"], one["state"]) for one in listed]
    assert len(listed) == AGENTS + 1


EDITS = {
    "changed": ("UPDATE chimera.event SET body = replace(encode(body, 'escape'), 'A', 'B')::bytea "
                "WHERE writer = 'manager-0' AND seq = 7", {7: "the body or its place in the chain differs"}),
    "removed": ("DELETE FROM chimera.event WHERE writer = 'manager-0' AND seq = 9",
                {9: "sequence 9 missing", 10: "the body or its place"}),
    "swapped": ("UPDATE chimera.event e SET body = o.body FROM chimera.event o WHERE e.writer = 'manager-0' "
                "AND o.writer = 'manager-0' AND e.seq IN (5, 6) AND o.seq = 11 - e.seq",
                {5: "the body or its place", 6: "the body or its place"}),
}  # fmt: skip


@pytest.mark.requirement("R-E7", "R-N4")
@pytest.mark.parametrize("edit", EDITS)
def test_an_event_that_was_edited_by_hand_is_named(home: Path, ask: Callable[..., Any], edit: str) -> None:
    statement, expected = EDITS[edit]
    ask(lambda database: database.execute(statement))
    verified = fleet.chimera(home, "audit", "verify", "--json")
    assert (verified.code, verified.object["verified"]) == (1, False)
    flaws = verified.object["flaws"]
    assert {flaw["chain"] for flaw in flaws} == {"manager-0"}
    assert [flaw["sequence"] for flaw in flaws] == list(expected)
    assert all(flaw["differs"].startswith(expected[flaw["sequence"]]) for flaw in flaws)
    if edit == "changed":
        assert "chain manager-0, sequence 7: the body" in fleet.chimera(home, "audit", "verify").out
