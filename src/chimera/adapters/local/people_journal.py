"""What has to be known about people after any restore: a file of lines beside the database, in no backup of it.

Holds keyed hashes of people and never a handle, under a key that lies in the same home. Nothing is taken out again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain.consent import Said

ERASURES, CONSENTS = "erasures.jsonl", "consents.jsonl"


class Erasure(Struct, frozen=True, kw_only=True):
    """One erased person, by the keyed hash of the handle."""

    person: str
    at_us: int


Entry = TypeVar("Entry", bound=Struct)


class PeopleJournal(Generic[Entry]):
    """Append-only; an entry is on disk before what it is about begins."""

    def __init__(self, path: Path, kind: type[Entry]) -> None:
        self._path = path
        self._kind = kind

    def add(self, entry: Entry) -> None:
        """Write an entry through to the disk. Blocks."""
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def entries(self) -> Iterator[Entry]:
        """Every entry. A line that broke off in a crash was never acted on."""
        if not self._path.exists():
            return
        for line in self._path.read_bytes().split(b"\n")[:-1]:
            yield msgspec.json.decode(line, type=self._kind)


def erasures(home: Path) -> PeopleJournal[Erasure]:
    """Who was erased, and when."""
    return PeopleJournal(home / ERASURES, Erasure)


def consents(home: Path) -> PeopleJournal[Said]:
    """Who said yes or no to what, and when."""
    return PeopleJournal(home / CONSENTS, Said)
