"""The vault's journal on a disk that takes half a line: nothing of it counts, and what comes next stands whole."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Generator
from pathlib import Path

import pytest

from chimera.adapters.vault.journal import Entry, Journal
from chimera.adapters.vault.writing import write_all

pytestmark = pytest.mark.requirement("R-E4", "R-N1")


@contextlib.contextmanager
def files_end_at(count: int) -> Generator[None]:
    """As on a disk that is full: what goes beyond so many bytes is not taken, what is before them is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def entry(number: int) -> Entry:
    return Entry(grant=f"grant-{number}", chain="ethereum", wallet="0xa", nonce=number, micros=5, at_us=1)


def test_half_a_line_is_no_entry_and_the_next_one_stands_whole(tmp_path: Path) -> None:
    path = tmp_path / "payments.journal"
    journal = Journal(path)
    journal.admit(entry(1))
    whole = path.read_bytes()
    with files_end_at(len(whole) + 20), pytest.raises(OSError, match="File too large"):
        journal.admit(entry(2))
    assert path.read_bytes() == whole
    assert journal.of("grant-2") is None
    journal.admit(entry(3))
    again = Journal(path)
    assert [again.of(f"grant-{number}") is not None for number in (1, 2, 3)] == [True, False, True]


def test_all_is_written_or_an_error_says_so(tmp_path: Path) -> None:
    handle = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        with files_end_at(10), pytest.raises(OSError, match="File too large"):
            write_all(handle, b"x" * 11)
        write_all(handle, b"")
    finally:
        os.close(handle)
