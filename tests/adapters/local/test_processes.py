"""Processes are ended by their own id, and never one that only has the number."""

import asyncio
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from chimera.adapters.local.processes import (
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
