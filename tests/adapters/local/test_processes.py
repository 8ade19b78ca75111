"""Processes are ended by their own id, and never one that only has the number."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chimera.adapters.local import keeping
from chimera.adapters.local.keeping import kept_server
from chimera.adapters.local.processes import (
    LOG_BYTES_MAX,
    Child,
    Step,
    all_in,
    as_nobody_special,
    end,
    is_alive,
    look,
    recognise,
    run_to_end,
    send,
    spawn,
)
from chimera.domain.errors import Refused, Unavailable

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


async def test_a_later_process_with_the_same_number_is_not_signalled(stranger: subprocess.Popen[bytes]) -> None:
    seen = look(stranger.pid)
    assert seen is not None
    earlier = replace(seen, born="1")
    assert not is_alive(earlier)
    send(earlier, signal.SIGKILL)
    await end(earlier, steps=())
    assert stranger.poll() is None
    assert is_alive(seen)


def test_a_process_is_recognised_by_program_and_folder(stranger: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert recognise(stranger.pid, program="sleep", folder=Path.cwd()) is not None
    assert recognise(stranger.pid, program="sleep", folder=tmp_path) is None
    assert recognise(stranger.pid, program="postgres", folder=Path.cwd()) is None
    assert recognise(0, program="sleep", folder=Path.cwd()) is None
    assert recognise(-1, program="sleep", folder=Path.cwd()) is None


async def test_who_ignores_the_gentle_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = spawn([sys.executable, "-c", STUBBORN], folder=tmp_path, log=log)
    while b"up" not in log.read_bytes():
        await asyncio.sleep(0.01)
    await end(child.seen, steps=(Step(signal.SIGTERM, 0.1),))
    child.reap()
    assert not is_alive(child.seen)


LOUD = "import time\nwhile True: print('said', flush=True); time.sleep(0.01)"


class Loud:
    """A server that talks, and does nothing else."""

    def __init__(self, child: Child, log: Path) -> None:
        self._child = child
        self.log = log
        self.pid = child.seen.pid

    def is_alive(self) -> bool:
        return is_alive(self._child.seen)

    async def stop(self) -> None:
        await end(self._child.seen, steps=(Step(signal.SIGKILL, 5),))
        self._child.reap()


async def test_what_a_server_says_for_months_fills_no_disk_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "LOG_SECONDS", 0.05)
    log, before = tmp_path / "loud.log", tmp_path / "loud.log.1"

    async def start() -> Loud:
        return Loud(spawn([sys.executable, "-c", LOUD], folder=tmp_path, log=log), log)

    async with asyncio.timeout(20), kept_server("loud", start) as kept:
        for _ in range(2):
            os.truncate(log, LOG_BYTES_MAX + 5)
            while log.stat().st_size > LOG_BYTES_MAX or b"said" not in log.read_bytes():
                await asyncio.sleep(0.01)
            assert set(log.read_bytes()) <= set(b"said\n"), "it goes on where the log begins, without a hole"
            assert before.stat().st_size < LOG_BYTES_MAX + 4_096
            assert before.stat().st_mode & 0o077 == 0
        assert kept.running.is_alive()
    assert sorted(tmp_path.iterdir()) == [log, before]


def test_a_child_waiting_to_be_reaped_counts_as_gone() -> None:
    with subprocess.Popen(["/bin/sleep", "600"]) as child:
        seen = look(child.pid)
        assert seen is not None
        child.kill()
        while is_alive(seen):
            pass
        assert child.returncode is None


async def test_a_program_that_takes_too_long_leaves_nothing_behind(tmp_path: Path) -> None:
    script = "sleep 600 & sleep 600"
    with pytest.raises(Unavailable) as refusal:
        await run_to_end(("/bin/sh", "-c", script), folder=tmp_path, seconds_max=0.2)
    assert refusal.value.code == "program_too_slow"
    async with asyncio.timeout(5):
        while all_in(tmp_path, program="sleep"):
            await asyncio.sleep(0.01)


async def test_a_server_gets_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHIMERA_SECRET", "hush")
    _, output = await run_to_end(("/usr/bin/env",), folder=tmp_path, seconds_max=5)
    assert "hush" not in output


async def test_a_folder_that_cannot_be_used_without_roots_power_is_named(tmp_path: Path) -> None:
    if not await as_nobody_special(Path(sys.executable), folder=tmp_path):
        pytest.skip("not root")
    with pytest.raises(Refused) as refusal:
        await as_nobody_special(Path(sys.executable), folder=Path("/proc"))
    assert refusal.value.code == "home_not_reachable"
