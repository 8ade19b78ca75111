"""What was begun under which key, on disk before it is sent: for networks that do not know our keys themselves.

Who finds nothing here has not sent anything, if the journal is as old as the key. A younger one proves nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, structs

from chimera.domain import canonical, ids
from chimera.domain.errors import Invalid
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Declined

KEPT_MAX = 20_000


class Begun(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One act: when it was first begun, which one it is, what helps to find it, and its receipt when there is one."""

    key: str
    at_us: int
    digest: str
    note: dict[str, Any] = {}
    receipt: dict[str, Any] | None = None


class _Born(Struct, frozen=True, kw_only=True):
    born_us: int


class Journal:
    """One file for each network and installation. Written by one process."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._begun: dict[str, Begun] = {}
        self._born_us = clock.now_us()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists():
            self._remember(path.read_bytes())
        self._rewrite()

    def of(self, key: str) -> Begun | None:
        """What was begun under a key."""
        return self._begun.get(key)

    def taken(self, act: Act) -> Declined | None:
        """That its key belongs to another act."""
        known = self.of(act.key)
        if known is None or known.digest == _digest_of(act):
            return None
        return Declined("key_taken", "something else was done under this key")

    def unsure(self, key: str) -> Declined | None:
        """That nothing is known under a key proves nothing; or nothing, if this journal would know."""
        if self._covers(key):
            return None
        return Declined("journal_younger", "it may have been begun before this journal was")

    def sought(self, key: str) -> Begun | Accepted | Declined | None:
        """What a key leads to: what was begun, what came of it, or how sure it is that nothing was."""
        begun = self.of(key)
        if begun is None:
            return self.unsure(key)
        return begun if begun.receipt is None else Accepted(begun.receipt)

    def _covers(self, key: str) -> bool:
        """Whether this journal was there before anything could be begun under that key."""
        try:
            return self._born_us <= ids.at_us(ids.parse(key))
        except Invalid:
            return False

    def begin(self, act: Act, note: dict[str, Any], *, at_us: int | None = None) -> Begun:
        """Put it on record, unless it is there. On disk when this returns."""
        known = self._begun.get(act.key)
        if known is not None:
            return known
        begun = Begun(
            key=act.key, at_us=self._clock.now_us() if at_us is None else at_us, digest=_digest_of(act), note=note
        )
        self._append(begun)
        return begun

    def finish(self, begun: Begun, receipt: dict[str, Any]) -> None:
        """Keep what came of it."""
        if begun.receipt is None:
            self._append(structs.replace(begun, receipt=receipt))

    def receipts(self) -> tuple[dict[str, Any], ...]:
        """Every receipt that belongs to some key."""
        return tuple(one.receipt for one in self._begun.values() if one.receipt is not None)

    def _append(self, begun: Begun) -> None:
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(begun) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._begun[begun.key] = begun

    def _remember(self, data: bytes) -> None:
        first, *lines = data.split(b"\n")
        self._born_us = msgspec.json.decode(first, type=_Born).born_us
        for line in lines:
            try:
                begun = msgspec.json.decode(line, type=Begun)
            except msgspec.DecodeError:
                continue  # A line that was cut off in the middle was never answered for: nothing was sent after it.
            self._begun[begun.key] = begun
        for key in tuple(self._begun)[:-KEPT_MAX]:
            # What is forgotten can no longer be denied.
            self._born_us = max(self._born_us, self._begun.pop(key).at_us + 1)

    def _rewrite(self) -> None:
        draft = self._path.with_suffix(".draft")
        lines = [msgspec.json.encode(_Born(born_us=self._born_us)), *map(msgspec.json.encode, self._begun.values())]
        with draft.open("wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(b"\n".join(lines) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)


def _digest_of(act: Act) -> str:
    """The hash of what an act is, without its key."""
    return canonical.hash_of([act.kind, act.account, act.arguments])
