"""What `chimera doctor` says of the parts of a house: who works in each, and what lacks while others work."""

from __future__ import annotations

from datetime import UTC

import pytest

from chimera.adapters.postgres.presence import Present
from chimera.assembly.present import SILENT_SECONDS_MAX
from chimera.cli.at_work import MICROS, parts_of

pytestmark = pytest.mark.requirement("R-A2", "R-L2")
SILENT_US = round(SILENT_SECONDS_MAX * MICROS) + 1


def one(role: str, *, pid: int = 7, silent_us: int = 0, slots: tuple[int, ...] = ()) -> Present:
    return Present(role=role, who=f"{role} {pid}", process=f"here, process {pid}", since_us=0, silent_us=silent_us,
                   slots=slots)  # fmt: skip


def told(*present: Present, slots: int = 1) -> dict[str, tuple[bool, str]]:
    return {part.name: (part.ok, part.found) for part in parts_of(present, slots=slots, zone=UTC)}


def test_a_house_that_was_not_started_lacks_nothing() -> None:
    assert set(told().values()) == {(True, "not started")}


def test_a_house_at_work_names_who_holds_what_since_when_and_heard_of_when() -> None:
    found = told(one("office"), one("effects"), one("manager", slots=(0, 1, 2, 5)))
    assert all(ok for ok, _ in found.values())
    assert found["managers"][1] == "here, process 7: slots 0-2, 5, since 1970-01-01 00:00:00, heard of 0 s ago"
    assert found["gateway"] == (True, "none runs, and only worker processes need one")


def test_what_lacks_is_said_while_others_work() -> None:
    found = told(one("office"), one("gateway", silent_us=SILENT_US))
    assert found["office"][0]
    assert found["managers"] == found["effects"] == (False, "none is at work")
    assert not found["gateway"][0]
    assert "SILENT for 20 s" in found["gateway"][1]


def test_one_manager_of_two_may_be_gone_if_the_other_has_its_slots() -> None:
    gone = one("manager", pid=8, silent_us=SILENT_US)
    rest = (one("office"), one("effects"), gone)
    whole, part = told(*rest, one("manager", slots=(0, 1)), slots=2), told(*rest, one("manager", slots=(0,)), slots=2)
    assert whole["managers"][0]
    assert "process 8" in whole["managers"][1]
    assert not part["managers"][0]
    assert "nobody holds slot 1" in part["managers"][1]


def test_after_many_deaths_those_who_live_are_named_and_the_latest_of_the_dead() -> None:
    dead = [one("manager", pid=pid, silent_us=SILENT_US + pid * MICROS) for pid in range(10, 60)]
    ok, found = told(one("office"), one("effects"), *dead, one("manager", slots=(0,)))["managers"]
    assert ok
    assert found.startswith("here, process 7: slots 0, ")
    assert [f"process {pid}:" in found for pid in (10, 12, 13)] == [True, True, False]
    assert found.endswith("; 47 more are silent")


def test_a_house_that_fell_silent_as_a_whole_is_not_taken_for_one_that_was_not_started() -> None:
    found = told(*(one(role, silent_us=SILENT_US) for role in ("office", "manager", "effects")))
    assert [name for name, (ok, _) in found.items() if not ok] == ["office", "managers", "effects"]
