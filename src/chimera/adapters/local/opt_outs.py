"""The journal of opt-outs: beside the database and not in it, as keyed hashes, so that it outlives erasure and backups.

An entry is on disk before it counts. One home has one journal: fleets on several machines do not share it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from pathlib import Path

import msgspec
from msgspec import Struct

JOURNAL = "opt_outs.jsonl"


class _Entry(Struct, frozen=True, kw_only=True):
    person: str
    at_us: int


class OptOutJournal:
    """Implements `ports.opt_outs.OptOuts`."""

    def __init__(self, home: Path, secret: bytes) -> None:
        self._path = home / JOURNAL
        self._secret = secret
        self._known = {entry.person for entry in self._entries()}

    def has(self, person: str) -> bool:
        """Whether they asked for it at any time."""
        return self._name(person) in self._known

    def add(self, person: str, *, at_us: int) -> None:
        """Write it through to the disk. Asking twice is asking once."""
        if self.has(person):
            return
        line = msgspec.json.encode(_Entry(person=self._name(person), at_us=at_us)) + b"\n"
        with self._path.open("ab") as file:
            if file.tell() and not self._path.read_bytes().endswith(b"\n"):
                file.write(b"\n")  # What broke off in a crash must not swallow the next entry.
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._known.add(self._name(person))

    def _entries(self) -> list[_Entry]:
        if not self._path.exists():
            return []
        found: list[_Entry] = []
        for line in self._path.read_bytes().splitlines():
            try:
                found.append(msgspec.json.decode(line, type=_Entry))
            except msgspec.MsgspecError:
                continue  # Broken off in a crash: it never counted.
        return found

    def _name(self, person: str) -> str:
        return hmac.new(self._secret, person.strip().casefold().encode(errors="replace"), hashlib.sha256).hexdigest()
