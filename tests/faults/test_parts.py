"""One part of a running fleet dies: PostgreSQL, the vault, the network. Work pauses and goes on; nothing is doubled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import fleet

DEMO = ("demo", "--agents", "6", "--seconds", "10", "--json")


def is_under_way(home: Path) -> bool:
    return {"postgres", "vault", "network"} <= fleet.processes_of(home).keys() and (home / "running.json").exists()


@pytest.mark.faults
@pytest.mark.timeout(300)
@pytest.mark.requirement("R-G1", "R-A4")
@pytest.mark.parametrize("role", ["postgres", "vault"])
def test_what_dies_is_started_again_and_nothing_is_lost(home: Path, role: str) -> None:
    with fleet.running(home, *DEMO, "--home", str(home)) as started:
        fleet.until(lambda: is_under_way(home), seconds_max=60, what="the fleet is up")
        killed: list[int] = []
        for _ in range(3):
            killed.append(fleet.kill(home, role))
            fleet.until(
                lambda: fleet.processes_of(home).get(role, killed[-1]) not in killed,
                seconds_max=60, what=f"{role} is there again",
            )  # fmt: skip
        ended = started.ended(200)
        assert ended.code == 0, ended
        fleet.require_sound(ended.object)
        again = "PostgreSQL is gone and is started again" if role == "postgres" else "the vault is gone and is started"
        assert ended.err.count(again) == len(killed)
        assert fleet.processes_of(home) == {}
