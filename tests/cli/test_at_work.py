"""What `chimera doctor` says of the parts of a house: who works in each, and what lacks while others work."""

from __future__ import annotations

import platform
from datetime import UTC
from pathlib import Path

import pytest
from msgspec.structs import replace

from chimera.adapters.local.home import prepare_home, socket_folder
from chimera.adapters.postgres.presence import Present
from chimera.assembly.present import SILENT_SECONDS_MAX
from chimera.assembly.vaults import running_or_own_vault
from chimera.cli.at_work import parts_of, vault_part
from chimera.domain.durations import SECOND_US
from chimera.settings import Settings

pytestmark = pytest.mark.requirement("R-A2", "R-L2")
SILENT_US = round(SILENT_SECONDS_MAX * SECOND_US) + 1


def one(role: str, *, pid: int = 7, silent_us: int = 0, slots: tuple[int, ...] = (), left: bool = False) -> Present:
    return Present(role=role, who=f"{role} {pid}", process=f"here, process {pid}", since_us=0, silent_us=silent_us,
                   slots=slots, has_left=left)  # fmt: skip


# A manager that works by worker processes.
FAR = Present(role="manager", who="far", process="here, process 3", since_us=0, silent_us=0, slots=(0,),
              needs_workers=True)  # fmt: skip


def told(*present: Present, slots: int = 1) -> dict[str, tuple[bool, str]]:
    return {part.name: (part.ok, part.found) for part in parts_of(present, slots=slots, zone=UTC)}


def test_a_house_that_was_not_started_lacks_nothing() -> None:
    assert set(told().values()) == {(True, "not started")}


def test_a_house_at_work_names_who_holds_what_since_when_and_heard_of_when() -> None:
    found = told(one("office"), one("effects"), one("manager", slots=(0, 1, 2, 5)))
    assert all(ok for ok, _ in found.values())
    assert found["managers"][1] == "here, process 7: slots 0-2, 5, since 1970-01-01 00:00:00, heard of 0 s ago"
    assert found["gateway"] == (True, "none runs, and only worker processes need one")
    assert found["workers"] == (True, "none runs, and the managers work by themselves")


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
    dead = [one("manager", pid=pid, silent_us=SILENT_US + pid * SECOND_US) for pid in range(10, 60)]
    ok, found = told(one("office"), one("effects"), *dead, one("manager", slots=(0,)))["managers"]
    assert ok
    assert found.startswith("here, process 7: slots 0, ")
    assert [f"process {pid}:" in found for pid in (10, 12, 13)] == [True, True, False]
    assert found.endswith("; 47 more are silent")


def test_a_house_that_fell_silent_as_a_whole_is_not_taken_for_one_that_was_not_started() -> None:
    found = told(*(one(role, silent_us=SILENT_US) for role in ("office", "manager", "effects")))
    assert [name for name, (ok, _) in found.items() if not ok] == ["office", "managers", "effects"]


def test_managers_that_work_by_worker_processes_need_those_and_a_gateway() -> None:
    rest = (one("office"), one("effects"), FAR)
    alone = told(*rest)
    assert alone["workers"] == alone["gateway"] == (False, "none is at work")
    busy = Present(role="worker", who="worker-1", process="there, process 9", since_us=0, silent_us=0,
                   about="busy with 3 of 32 tasks")  # fmt: skip
    whole = told(*rest, busy, one("gateway"))
    assert all(ok for ok, _ in whole.values())
    assert whole["workers"][1] == ("worker-1 (there, process 9): busy with 3 of 32 tasks, since 1970-01-01 00:00:00, "
                                   "heard of 0 s ago")  # fmt: skip
    ok, found = told(*rest, one("worker", silent_us=SILENT_US), one("gateway"))["workers"]
    assert not ok
    assert "SILENT" in found


def test_a_gateway_that_was_stopped_in_order_is_missed_by_whoever_needs_it_and_by_nobody_else() -> None:
    stopped = one("gateway", left=True, silent_us=840 * SECOND_US)
    ok, found = told(one("office"), one("effects"), FAR, one("worker"), stopped)["gateway"]
    assert not ok
    assert found == ("none is at work: here, process 7 was stopped in order 840 s ago, and others of this house need "
                     "one")  # fmt: skip
    ok, found = told(one("office"), one("effects"), one("manager", slots=(0,)), stopped)["gateway"]
    assert (ok, found) == (True, "here, process 7 was stopped in order 840 s ago")
    assert not told(one("office", left=True), one("manager", slots=(0,)), one("effects"))["office"][0]


def test_a_house_that_was_stopped_in_order_is_missed_by_nobody() -> None:
    roles = ("office", "manager", "effects", "gateway", "worker")
    found = told(*(one(role, left=True, silent_us=SILENT_US) for role in roles))
    assert all(ok and "was stopped in order" in said for ok, said in found.values())


def test_workers_that_no_manager_listens_to_are_not_said_to_be_dead() -> None:
    ok, found = told(one("office"), one("effects"), one("worker", silent_us=SILENT_US))["workers"]
    assert ok
    assert found.startswith("no manager listens to them; the last that was heard: worker 7 (here, process 7): since")


async def test_a_vault_that_nobody_started_is_missed_on_the_host_where_others_need_it(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "home"))

    async def said(*present: Present) -> tuple[bool, str]:
        part = await vault_part(settings, present)
        assert part.remedy
        return part.ok, part.found

    mine = Present(role="manager", who="m", process=f"{platform.node()}, process 1", since_us=0, silent_us=0)
    assert await said() == (True, "not started")
    assert await said(replace(mine, has_left=True)) == (True, "not started")
    assert await said(replace(mine, process="elsewhere, process 1")) == (True, "it cannot be asked from this host")
    assert await said(mine) == (False, "none is at work: nothing is sealed, and so nothing goes out")
    # Whoever was killed leaves its socket behind, and nobody answers on it.
    (socket_folder(prepare_home(settings.folder)) / "vault.sock").touch()
    ok, found = await said(mine)
    assert (ok, "does not answer" in found) == (False, True)
    assert await said() == (True, "not started")


async def test_a_vault_that_runs_says_by_which_key_it_signs_and_since_when(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path / "home"))
    async with running_or_own_vault(settings) as vaults:
        key = await vaults.office.hello()
        part = await vault_part(settings, ())
    assert part.ok
    assert part.found.startswith(f"the vault answers, signs with {key}, since 20")
