"""The disk is full: a start is refused in plain words, a running fleet pauses or ends, and nothing is damaged.

The disk is a small file system in memory, so this needs whoever may mount one (root).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera.adapters.local.home import DISK_FREE_BYTES_MIN
from tests import fleet

pytestmark = [pytest.mark.faults, pytest.mark.requirement("R-G1", "R-A4"), pytest.mark.timeout(600)]
MIB = 1 << 20
DEMO = ("demo", "--agents", "6", "--seconds", "15", "--json")
FULL_SECONDS = 8.0
ALL = {"postgres", "vault", "network"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, a little larger than what a start asks for."""
    place = tmp_path / "disk"
    place.mkdir()
    size = DISK_FREE_BYTES_MIN + 256 * MIB
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)], check=True)
    yield place
    fleet.end_all(place / "home")
    subprocess.run(["umount", str(place)], check=True)


def fill(disk: Path) -> Path:
    """Take every free byte."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(MIB)) == MIB:
                continue
        except OSError:
            return ballast
    return ballast


def test_a_start_on_a_full_disk_is_refused_and_writes_nothing(disk: Path) -> None:
    ballast = fill(disk)
    for command in ((*DEMO, "--home", str(disk / "home")), ("up",)):
        refused = fleet.chimera(disk / "home", *command)
        assert refused.code == 3, refused
        assert "disk_full" in refused.err + refused.out, refused
        assert "Free some space" in refused.err + refused.out, refused
    ballast.unlink()
    assert not (disk / "home" / "postgres" / "18").exists()


def test_a_disk_that_fills_up_in_the_middle_costs_nothing(disk: Path) -> None:
    home = disk / "home"
    with fleet.running(home, *DEMO, "--home", str(home)) as started:
        fleet.until(lambda: fleet.processes_of(home).keys() >= ALL, seconds_max=120, what="the fleet is up")
        ballast = fill(disk)
        try:
            ended = started.ended(FULL_SECONDS)
        except subprocess.TimeoutExpired:
            ended = None
        ballast.unlink()
        ended = ended or started.ended(300)
        # Whoever could wait went on, perhaps not for long enough to show all; whoever could not has said why.
        assert ended.code in (0, 1, 3), ended
        assert ended.code == 0 or "disk_full" in ended.err + ended.out, ended
        if ended.code != 3:
            fleet.require_sound(ended.object)
    last = fleet.chimera(home, *DEMO, "--home", str(home))
    # By then hardly anything may be left to hold or to refuse.
    assert last.code in (0, 1), (ended, last)
    fleet.require_sound(last.object)
    assert fleet.chimera(home, "audit", "verify").code == 0
