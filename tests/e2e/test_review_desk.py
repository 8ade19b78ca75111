"""The desk on the command line, as a reviewer meets it: what is shown, what is said after a ruling, and to whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests import fleet

PASSWORD = "four unrelated words here\n"

pytestmark = [
    pytest.mark.slow,  # Each command is a process with a database.
    pytest.mark.timeout(300),
    pytest.mark.requirement("R-F1", "R-F3"),
]


def owed(home: Path) -> list[dict[str, Any]]:
    return fleet.chimera(home, "review", "list", "--state", "owed", "--json").object["reviews"]


@pytest.mark.usefixtures("hosted_rehearsal")
def test_a_review_says_whose_words_shaped_it_and_what_was_ruled(home: Path) -> None:
    reply = next(one for one in owed(home) if one["question"]["action"]["kind"] == "post.reply")
    shown = fleet.chimera(home, "review", "show", reply["id"])
    assert "went out because:" in shown.out and "(input): " in shown.out, shown
    task = fleet.chimera(home, "review", "show", reply["id"], "--json").object["sources"][-1]
    assert task["content"]["author"] in shown.out, "the stranger is named, with what they said"

    rejected = fleet.chimera(home, "review", "reject", reply["id"], "--reason", "not our tone")
    assert rejected.code == 0, rejected
    after = fleet.chimera(home, "review", "show", reply["id"])
    assert "rejected by " in after.out and "said: not our tone" in after.out, after
    again = fleet.chimera(home, "review", "approve", reply["id"], "--digest", reply["digest"], "--json")
    assert again.object["error"]["code"] == "review_rejected_cannot_approve"
    assert "takes close" in again.object["error"]["remedy"], again


@pytest.mark.usefixtures("hosted_rehearsal")
def test_a_row_is_a_line_with_a_whole_id(home: Path) -> None:
    known = owed(home)
    listed = fleet.chimera(home, "review", "list", "--state", "owed").out.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [one["id"] for one in known]


@pytest.mark.usefixtures("hosted_rehearsal")
def test_a_reviewer_of_one_agent_sees_what_is_its_own_and_nothing_else(home: Path) -> None:
    known = owed(home)
    mine, other = known[0], next(one for one in known if one["agent_id"] != known[0]["agent_id"])
    joining = ("people", "add", "nova", "--role", "reviewer", "--within", f"agent:{mine['agent_id']}")
    assert fleet.typed(home, PASSWORD, *joining, "--password-stdin").code == 0
    assert fleet.typed(home, PASSWORD, "login", "nova", "--password-stdin").code == 0

    assert {one["agent_id"] for one in owed(home)} == {mine["agent_id"]}
    assert fleet.chimera(home, "review", "show", mine["id"]).code == 0
    for command in (("show",), ("claim",), ("reject", "--reason", "no")):
        refused = fleet.chimera(home, "review", command[0], other["id"], *command[1:], "--json")
        assert (refused.code, refused.object["error"]["code"]) == (1, "not_permitted"), (command, refused)
    assert fleet.chimera(home, "review", "stats", "--json").object["error"]["code"] == "not_permitted"
    assert "claimed by nova until" in fleet.chimera(home, "review", "claim", mine["id"]).out


@pytest.mark.usefixtures("hosted_rehearsal")
def test_a_decoy_is_shown_with_what_was_read_for_the_review_that_it_imitates(home: Path) -> None:
    model = next(one for one in owed(home) if one["question"]["action"]["kind"] == "post.reply")
    planted = fleet.chimera(home, "review", "plant", model["id"], "--text", "Buy now!", "--right", "reject", "--json")
    decoy, real = (
        fleet.chimera(home, "review", "show", one, "--json").object for one in (planted.object["review"], model["id"])
    )
    assert decoy["sources"] == real["sources"] != []
    assert set(decoy) == set(real)


def test_nobody_is_asked_for_a_password_without_a_terminal(hosted_home: Path) -> None:
    answer = fleet.chimera(hosted_home, "people", "add", "mira", "--role", "viewer", "--json")
    assert (answer.code, answer.object["error"]["code"]) == (2, "password_not_asked"), answer


def test_unknown_things_say_where_the_known_ones_stand(hosted_home: Path) -> None:
    unknown = "00000000-0000-7000-8000-00000000abcd"
    answer = fleet.chimera(hosted_home, "review", "show", unknown, "--json")
    assert answer.object["error"]["code"] == "record_missing"
    assert "chimera review list" in answer.object["error"]["remedy"]
    person = fleet.chimera(hosted_home, "people", "disable", "ghost", "--json")
    assert person.object["error"]["code"] == "person_unknown"
    assert "chimera people list" in person.object["error"]["remedy"]


def test_halt_without_a_word_is_everything(hosted_home: Path) -> None:
    assert fleet.chimera(hosted_home, "halt", "--json").object["scope"] == "fleet"
    assert fleet.chimera(hosted_home, "resume", "--json").object["state"] == "lifted"
