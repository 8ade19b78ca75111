"""Keys on disk, encrypted at rest under a passphrase that stands elsewhere. Written once, atomically, mode 0600."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from chimera.adapters.vault.writing import write_all
from chimera.domain import canonical
from chimera.domain.errors import Unavailable


def passphrase(folder: Path, given: str) -> bytes:
    """The passphrase that was given, or the installation's own, made on first use."""
    if given:
        return given.encode()
    path = folder / "passphrase"
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32).encode())
    return path.read_bytes().strip()


def load_or_make(path: Path, secret: bytes) -> Ed25519PrivateKey:
    """The private key in a file; made and encrypted when there is none."""
    if not path.exists():
        key = Ed25519PrivateKey.generate()
        write_private(path, encrypted(key, secret))
        return key
    key = decrypted(path, secret)
    if not isinstance(key, Ed25519PrivateKey):
        raise Unavailable(
            "key_wrong_kind", "this is not an Ed25519 key", where=str(path), remedy="restore it from a backup"
        )
    return key


def encrypted(key: PrivateKeyTypes, secret: bytes) -> bytes:
    """A key as it lies on disk."""
    way = serialization.BestAvailableEncryption(secret)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, way)


def decrypted(path: Path, secret: bytes) -> PrivateKeyTypes:
    """A key from disk, or that it is locked. What is said about a wrong passphrase never holds it."""
    try:
        return serialization.load_pem_private_key(path.read_bytes(), password=secret)
    except (ValueError, TypeError):
        raise Unavailable(
            "key_locked", "the key cannot be decrypted", where=str(path), remedy="check CHIMERA_VAULT_PASSPHRASE"
        ) from None


def public_key(path: Path) -> Ed25519PublicKey:
    """A public key that somebody published in a file."""
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(path.read_text().strip()))
    except (OSError, ValueError) as error:
        raise Unavailable(
            "public_key_missing",
            "the public key cannot be read",
            where=str(path),
            remedy="restore the home's folder vault from a backup",
        ) from error


def publish(path: Path, key: Ed25519PrivateKey) -> None:
    """The public half, for everybody who verifies."""
    write_private(path, key.public_key().public_bytes_raw().hex().encode())


def pin(public: Path, pinned: Path) -> None:
    """Trust somebody's public key from now on. What was pinned before stays: another key is refused by who verifies."""
    if not pinned.exists():
        write_private(pinned, public.read_bytes())


def write_private(path: Path, content: bytes) -> None:
    """All or nothing, readable by the owner only, on disk when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    draft.replace(path)


def name_of(key: Ed25519PublicKey) -> str:
    """A short name for a public key."""
    return canonical.sha256_hex(key.public_bytes_raw())[:16]
