"""What the embedded PostgreSQL wrote is handed to the disk all the time: which files, how often, by the real system."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from chimera.adapters.local import trickling
from chimera.adapters.local.trickling import Trickle, begin_writing

pytestmark = pytest.mark.requirement("R-A5", "R-G1")


class System:
    """Remembers which files it was asked to begin with."""

    def __init__(self, *, knows_how: bool = True) -> None:
        self.asked: list[str] = []
        self._knows_how = knows_how

    def begin(self, handle: int) -> bool:
        self.asked.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        return self._knows_how


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for database in ("1", "5", "16384", "16401", "pgsql_tmp"):
        (tmp_path / "base" / database).mkdir(parents=True)
        (tmp_path / "base" / database / f"{database}000").write_bytes(b"a page")
    return tmp_path


def trickle(data: Path, system: System) -> Trickle:
    return Trickle(lambda: data, begin=system.begin)


def write(path: Path, *, at_ns: int) -> None:
    path.write_bytes(b"another page")
    os.utime(path, ns=(at_ns, at_ns))


def test_only_what_was_written_to_since_the_last_look_is_handed_over(data: Path) -> None:
    system = System()
    looking = trickle(data, system)
    assert looking.once() == 2
    assert sorted(system.asked) == ["16384000", "16401000"], "the server's own databases are nobody's"
    assert looking.once() == 0
    write(data / "base/16401/16401000", at_ns=1)
    assert (looking.once(), system.asked[2:]) == (1, ["16401000"])
    assert looking.once() == 0


def test_what_is_dropped_or_gone_breaks_nothing_off(data: Path) -> None:
    system = System()
    looking = trickle(data, system)
    looking.once()
    (data / "base/16384/16384000").unlink()
    (data / "base/16384/dangling").symlink_to(data / "nowhere")
    write(data / "base/16401/16401000", at_ns=1)
    assert looking.once() == 1
    assert trickle(data / "nowhere", system).once() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the call is Linux's")
def test_the_real_system_knows_how(data: Path) -> None:
    assert Trickle(lambda: data).once() == 2
    with (data / "file").open("wb") as file:
        file.write(b"x" * 65_536)
        file.flush()
        assert begin_writing(file.fileno())


async def test_a_system_that_does_not_know_how_is_asked_once(data: Path) -> None:
    system = System(knows_how=False)
    await asyncio.wait_for(trickle(data, system).run(), 10)
    assert len(system.asked) == 1


async def test_it_looks_again_soon_while_there_is_something_and_seldom_else(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise asyncio.CancelledError
        if len(waited) == 2:
            write(data / "base/16384/16384000", at_ns=2)

    monkeypatch.setattr(trickling.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await trickle(data, System()).run()
    assert waited == [trickling.BUSY_SECONDS, trickling.IDLE_SECONDS, trickling.BUSY_SECONDS]
