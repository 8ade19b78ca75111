"""A person's own key for payments on chains: kept by the person, trusted by the vault, used before there is a grant."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.adapters.vault import keys
from chimera.adapters.vault.payments import HUMAN
from chimera.domain.canonical import sha256_hex
from chimera.domain.errors import Invalid, Missing
from chimera.domain.wallets import Consent, human_bytes

CONSENT_SECONDS = 24 * 3_600
DIGEST_LETTERS_MIN = 8
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def key_of(path: Path, passphrase: str, *, make: bool) -> Ed25519PrivateKey:
    """The person's key."""
    if not make and not path.exists():
        raise Missing("key_missing", "there is no key", where=str(path), remedy="chimera vault person makes one")
    return keys.load_or_make(path, passphrase.encode())


def trust(vault: Path, name: str, key: Ed25519PrivateKey) -> str:
    """Put the public half where the vault looks at its next start; its name."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "person_malformed", f"{name[:40]!r} is not a name", where="person", remedy="write one such as rita"
        )
    keys.publish(vault / "consents" / f"{HUMAN}-{name}.pub", key)
    return keys.name_of(key.public_key())


def consent(key: Ed25519PrivateKey, *, task_id: str, action_digest: str, now_us: int) -> Consent:
    """The person's word for a task's exact bytes, for a day."""
    until_us = now_us + CONSENT_SECONDS * 1_000_000
    signature = key.sign(human_bytes(task_id, action_digest, expires_at_us=until_us)).hex()
    return Consent(role=HUMAN, key_id=keys.name_of(key.public_key()), signature=signature, expires_at_us=until_us)


def keep(folder: Path, task_id: str, action_digest: str, given: Consent) -> None:
    """Where effects finds it."""
    name = sha256_hex(f"{task_id}:{action_digest}".encode()) + ".json"
    keys.write_private(folder / name, msgspec.json.encode(given))
