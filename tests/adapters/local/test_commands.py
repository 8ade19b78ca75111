"""What a process was started as, without what may be secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chimera.adapters.local.commands import command_of


def named(*words: str) -> str:
    """What is said of a process that was started with these words, and waits."""
    with subprocess.Popen([sys.executable, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"here\n"
        try:
            return command_of(running.pid)
        finally:
            running.kill()


def test_a_command_is_named_as_one_would_type_it_and_without_its_options(tmp_path: Path) -> None:
    program = tmp_path / "chimera"
    program.write_text("print('here', flush=True); input()")
    assert named(str(program), "up", "--token", "secret") == "chimera up"
    assert named(str(program), "gateway", "workers") == "chimera gateway workers"
    assert named(str(program), "wallet", "send", "0xabc") == "chimera wallet send"


def test_what_is_none_of_ours_has_no_name(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("print('here', flush=True); input()")
    assert named(str(other), "up") == ""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert command_of(gone.pid) == ""
