"""A vault's folder: its keys, counts and public halves. One process at a time may open it."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chimera.adapters.vault import keys, published
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.notary import Notary, Standing
from chimera.adapters.vault.payments import HUMAN, SECOND, Trusted
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.signer import VaultSigner
from chimera.domain.errors import Conflict

SPENT = "spent.json"
JOURNAL = "transfers.jsonl"
SEALING = "sealing.key"
PUBLISHED = "sealing"
CHECKPOINT = "checkpoint"
SIGNED = "checkpoints.json"
CLIENTS = ("manager", "office", "effects")


class VaultFolder:
    """Opened by the vault's process alone, and locked for as long as it lives."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self.path = path
        self._secret = secret
        self._lock = _locked(path)
        self.sealing = keys.load_or_make(path / SEALING, secret)
        published.publish(path / PUBLISHED, self.sealing, made_at_us=_now_us())
        keys.publish(path / "sealing.pub", self.sealing)

    @property
    def spent(self) -> Spent:
        """What was sealed, as it was written down last."""
        path = self.path / SPENT
        return msgspec.json.decode(path.read_bytes(), type=Spent) if path.exists() else Spent(day=0, micros=0)

    def keep(self, spent: Spent) -> None:
        """On disk before anything is signed."""
        keys.write_private(self.path / SPENT, msgspec.json.encode(spent))

    @property
    def clients(self) -> dict[str, Ed25519PublicKey]:
        """Whoever may speak to this vault."""
        paths = {name: self.path / "clients" / f"{name}.pub" for name in CLIENTS}
        return {name: keys.public_key(path) for name, path in paths.items() if path.exists()}

    @property
    def public_keys(self) -> PublishedKeys:
        """With what this vault's seals can be verified."""
        return PublishedKeys(self.path / PUBLISHED)

    def own_key(self, name: str) -> Ed25519PrivateKey:
        """A key of its own purpose: `cfo` and `checkpoint` in the first vault, `consent` in the second."""
        key = keys.load_or_make(self.path / f"{name}.key", self._secret)
        keys.publish(self.path / f"{name}.pub", key)
        return key

    def notary(self) -> Notary:
        """The notary with a key of its own, and what it has signed so far."""
        path = self.path / SIGNED
        standing = msgspec.json.decode(path.read_bytes(), type=Standing) if path.exists() else Standing()
        return Notary(key=self.own_key(CHECKPOINT), standing=standing,
                      keep=lambda kept: keys.write_private(path, msgspec.json.encode(kept)))  # fmt: skip

    @property
    def trusted(self) -> Mapping[str, Trusted]:
        """Whose consents count here: `consents/second.pub`, `consents/human-*.pub`."""
        found: dict[str, Trusted] = {}
        for path in sorted((self.path / "consents").glob("*.pub")):
            role = SECOND if path.stem == SECOND else HUMAN
            key = keys.public_key(path)
            found[keys.name_of(key)] = Trusted(role=role, key=key)
        return found

    def rotate(self, core: VaultSigner) -> None:
        """A new sealing key, known to those who verify before it signs; the old one verifies what it signed."""
        fresh = Ed25519PrivateKey.generate()
        published.publish(self.path / PUBLISHED, fresh, made_at_us=_now_us(), elder=self.sealing)
        keys.write_private(self.path / SEALING, keys.encrypted(fresh, self._secret))
        keys.publish(self.path / "sealing.pub", fresh)
        self.sealing = fresh
        core.replace_key(fresh)


def _locked(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise Conflict("vault_in_use", "another process has this vault open", where=str(path),
                       remedy="there is one process for each vault; stop the other one") from error  # fmt: skip
    return handle


def _now_us() -> int:
    return time.time_ns() // 1_000
