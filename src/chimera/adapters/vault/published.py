"""The public halves of sealing keys, in a folder: the first is trusted as found, each later one vouched for.

A running verifier learns of a rotation by looking here when it meets a key that it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from chimera.adapters.vault import keys

_DOMAIN = b"chimera.vault.key.v1\x00"


class PublicKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One public key, and the elder that vouches for it. The first has none."""

    public: str
    made_at_us: int
    elder: str = ""
    signature: str = ""


def publish(folder: Path, key: Ed25519PrivateKey, *, made_at_us: int, elder: Ed25519PrivateKey | None = None) -> None:
    """Make a key known. On disk when this returns, so that nothing is signed with a key that nobody can verify."""
    public = key.public_key()
    name = keys.name_of(public)
    if (folder / f"{name}.json").exists():
        return
    signature = elder.sign(_vouched(public)).hex() if elder else ""
    made = PublicKey(public=public.public_bytes_raw().hex(), made_at_us=made_at_us, signature=signature,
                     elder=keys.name_of(elder.public_key()) if elder else "")  # fmt: skip
    keys.write_private(folder / f"{name}.json", msgspec.json.encode(made))


class PublishedKeys(Mapping[str, Ed25519PublicKey]):
    """What may be verified with. Whatever is not vouched for, up to the first key seen here, is not in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Ed25519PublicKey] = {}
        self._read()

    def __getitem__(self, key_id: str) -> Ed25519PublicKey:
        if key_id not in self._known:
            self._read()
        return self._known[key_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def _read(self) -> None:
        found = {path.stem: path for path in self._folder.glob("*.json")}
        waiting = {name: key for name, path in found.items() if name not in self._known and (key := _load(path))}
        if not self._known:
            roots = [(key.made_at_us, name) for name, key in waiting.items() if not key.elder]
            if roots:
                self._trust(min(roots)[1], waiting)
        while named := [name for name, key in waiting.items() if self._is_vouched(name, key)]:
            for name in named:
                self._trust(name, waiting)

    def _trust(self, name: str, waiting: dict[str, PublicKey]) -> None:
        self._known[name] = Ed25519PublicKey.from_public_bytes(bytes.fromhex(waiting.pop(name).public))

    def _is_vouched(self, name: str, key: PublicKey) -> bool:
        elder = self._known.get(key.elder)
        if elder is None:
            return False
        try:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))
            elder.verify(bytes.fromhex(key.signature), _vouched(public))
        except (InvalidSignature, ValueError):
            return False
        return keys.name_of(public) == name


def _load(path: Path) -> PublicKey | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PublicKey)
    except (OSError, msgspec.DecodeError):
        return None


def _vouched(public: Ed25519PublicKey) -> bytes:
    return _DOMAIN + public.public_bytes_raw()
