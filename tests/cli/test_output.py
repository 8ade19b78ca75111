"""How commands speak, apart from any command."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
import structlog
from rich.console import Console

from chimera.cli import output


def test_what_names_a_row_is_never_broken() -> None:
    named = "01a2014d-1422-7973-8d32-41c06e5fd125"
    console = Console(file=io.StringIO(), width=60)
    console.print(output.drawn(("review", "text"), [(named, "words " * 20)]), crop=False)
    written = console.file
    assert isinstance(written, io.StringIO)
    lines = written.getvalue().splitlines()
    assert sum(named in line for line in lines) == 1
    assert len(lines) > 2, "what is not the name is folded"


def test_a_pipe_has_no_width(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("review", "text"), [("1", "words " * 50), ("2", "")])
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_logger_that_is_kept_speaks_to_whatever_is_standard_error_then(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    first, second = io.StringIO(), io.StringIO()
    try:
        monkeypatch.setattr("sys.stderr", first)
        output.log_to_stderr("info")
        kept = structlog.get_logger().bind()
        kept.warning("the first word")
        first.close()
        monkeypatch.setattr("sys.stderr", second)
        kept.warning("the second word")
    finally:
        structlog.configure(**before)
    assert "the second word" in second.getvalue()


def test_a_disk_that_is_full_ends_nobody_who_has_something_to_say(monkeypatch: pytest.MonkeyPatch) -> None:
    before = structlog.get_config()
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        with pytest.raises(OSError, match="No space left"):
            sys.stderr.write("nobody reads it\n")
        try:
            output.log_to_stderr("info")
            structlog.get_logger().warning("what is said here is left unsaid")
        finally:
            structlog.configure(**before)
        # What it has not written down is no more tried when it is closed.
        with Path(os.devnull).open("w") as nothing:
            os.dup2(nothing.fileno(), full.fileno())
