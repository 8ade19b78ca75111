"""Whose packages may be installed here, and the key under which this home publishes. A file in the home; no network."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chimera.domain.errors import Invalid, Unavailable

FILE = "publishers.json"
PUBLISHERS_MAX = 1_000
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Publishers:
    """Names and public keys, as a person of this home wrote them down."""

    def __init__(self, home: Path) -> None:
        self._path = home / FILE

    def known(self) -> dict[str, str]:
        """Every publisher's public key, in hex, by name."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise Unavailable("publishers_unreadable", str(error)[:200], where=str(self._path),
                              remedy="mend the file, or remove it and trust again") from error  # fmt: skip

    def trust(self, name: str, key: str) -> str:
        """Remember a publisher's key; the key that was known before, or nothing."""
        known = self.known()
        require_publisher_name(name)
        if len(known) >= PUBLISHERS_MAX:
            raise Invalid(
                "publishers_too_many", f"{PUBLISHERS_MAX} are known", where=str(self._path), remedy="distrust one"
            )
        before = known.get(name, "")
        self._write({**known, name: key})
        return before

    def forget(self, name: str) -> bool:
        """Trust a publisher no more; whether it was known."""
        known = self.known()
        was = known.pop(name, None) is not None
        self._write(known)
        return was

    def _write(self, known: dict[str, str]) -> None:
        draft = self._path.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_bytes(msgspec.json.encode(known))
        draft.replace(self._path)


def require_publisher_name(name: str) -> str:
    """A publisher's name; nobody walks out of a folder by it."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "publisher_name_unfit",
            "a publisher's name has small letters, digits and '-'",
            where=name[:80],
            remedy="choose another",
        )
    return name


def signed_with(key: Ed25519PrivateKey, data: bytes) -> str:
    """A signature in hex."""
    return key.sign(data).hex()
