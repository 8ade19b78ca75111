"""One key for each person, each in a file of its own in the home: to destroy the file is to erase the person.

Never in the database and never in its backups; a backup of this folder has to be kept apart, or erasure means nothing.
"""

from __future__ import annotations

import os
import secrets
from itertools import count
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chimera.adapters.local.home import keep_secret, private_folder, sync_folder
from chimera.governance.privacy.person import name_of
from chimera.ports.clock import Clock

FOLDER, GONE = "subjects", ".gone"
KEY_BYTES, NONCE_BYTES, TIME_BYTES = 32, 12, 8
COUNT_BYTES = 6
SEEN_US_MAX = 1_000_000


class _Known(NamedTuple):
    key: AESGCM
    seen_us: int


class LocalSubjectKeys:
    """The keys of `ports.subjects`. What is remembered counts for a second."""

    def __init__(self, home: Path, *, clock: Clock) -> None:
        self._folder = private_folder(home / FOLDER, trusted=True)
        # Nobody without it can try handles on the names that stand in journals, events and sealed bodies.
        self._secret = keep_secret(home, "persons").encode()
        self._clock = clock
        self._known: dict[str, _Known] = {}
        # Unique for each key without a call to the system for each record: this instance's own part, and a count.
        self._nonce_prefix = os.urandom(NONCE_BYTES - COUNT_BYTES)
        self._nonces = count(1)

    def name_of(self, person: str) -> str:
        return name_of(person, self._secret)

    def has(self, name: str) -> bool:
        return self._find(name) is not None

    def made_us(self, name: str) -> int:
        path = Path(self._path(name))
        return int.from_bytes(path.read_bytes()[:TIME_BYTES], "big") if path.exists() else 0

    def make(self, name: str) -> None:
        folder = private_folder(self._folder / name[:2], trusted=True)
        draft = folder / f".{name}.{secrets.token_hex(4)}"
        made = self._clock.now_us().to_bytes(TIME_BYTES, "big") + secrets.token_bytes(KEY_BYTES)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, made)
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, self._path(name))
        except FileExistsError:
            return
        finally:
            draft.unlink()
            sync_folder(folder)
            sync_folder(self._folder)

    def is_erased(self, name: str) -> bool:
        return not self.has(name) and Path(self._path(name)).with_suffix(GONE).exists()

    def seal(self, name: str, content: bytes, *, about: str) -> bytes:
        key = self._find(name)
        while key is None:
            self.make(name)
            key = self._find(name)
        nonce = self._nonce_prefix + next(self._nonces).to_bytes(COUNT_BYTES, "big")
        return nonce + key.encrypt(nonce, content, about.encode())

    def open(self, name: str, sealed: bytes, *, about: str) -> bytes | None:
        key = self._find(name)
        if key is None:
            return None
        try:
            return key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about.encode())
        except InvalidTag:
            return None  # Sealed under a key that was destroyed: somebody who was erased has written again.

    def destroy(self, name: str, *, made_until_us: int) -> bool:
        path = Path(self._path(name))
        self._known.pop(name, None)
        if not 0 < self.made_us(name) <= made_until_us:
            return False
        with path.open("r+b") as file:
            file.write(bytes(TIME_BYTES + KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.replace(path.with_suffix(GONE))
        sync_folder(path.parent)
        return True

    def _find(self, name: str) -> AESGCM | None:
        """The key as it lies on the disk: another process may destroy it, and we look again every second."""
        known, now_us = self._known.get(name), self._clock.now_us()
        if known is not None and 0 <= now_us - known.seen_us < SEEN_US_MAX:
            return known.key
        try:
            key = Path(self._path(name)).read_bytes()[TIME_BYTES:]
        except FileNotFoundError:
            self._known.pop(name, None)
            return None
        self._forget_old(now_us)
        self._known.pop(name, None)
        self._known[name] = known = _Known(AESGCM(key), now_us)
        return known.key

    def _forget_old(self, now_us: int) -> None:
        """What counts no more stays in no memory: neither the keys of everybody who ever wrote, nor a destroyed one."""
        while self._known and not 0 <= now_us - self._known[oldest := next(iter(self._known))].seen_us < SEEN_US_MAX:
            del self._known[oldest]

    def _path(self, name: str) -> str:
        assert name.isalnum(), "a name is a keyed hash"
        return f"{self._folder}/{name[:2]}/{name}.key"
