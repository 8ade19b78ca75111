"""The erasure journal: who was erased, beside the database and not in it, so that no restored backup brings them back.

Holds keyed hashes and times. Losing the key with the journal makes old entries unreadable, so both stay in the home.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

JOURNAL = "erasures.jsonl"


class Erasure(Struct, frozen=True, kw_only=True):
    """One erased person, by the keyed hash of the handle."""

    person: str
    at_us: int


class ErasureJournal:
    """Append-only; an entry is on disk before the erasure begins."""

    def __init__(self, home: Path) -> None:
        self._path = home / JOURNAL

    def add(self, entry: Erasure) -> None:
        """Write an entry through to the disk."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> Iterator[Erasure]:
        """Every entry. A line that broke off in a crash was never acted on."""
        if not self._path.exists():
            return
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            yield msgspec.json.decode(line, type=Erasure)
