"""Keys of wallets: on disk and encrypted, or in a key service. What is outside sees an address and signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from chimera.adapters.vault import curve, keys
from chimera.domain.errors import Unavailable


class CoinKey(Protocol):
    """One wallet's key. Signs a digest; shows nothing but its address."""

    @property
    def address(self) -> str: ...

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """Parity, r, s."""
        ...


class LocalCoinKey:
    """A key in a file, encrypted under the vault's passphrase. Made when there is none."""

    def __init__(self, path: Path, secret: bytes) -> None:
        self._key = _load_or_make(path, secret)
        numbers = self._key.public_key().public_numbers()
        self._public = (numbers.x, numbers.y)
        self.address = curve.address_of(self._public)

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """The same digest gives the same signature (RFC 6979)."""
        way = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)
        r, s = utils.decode_dss_signature(self._key.sign(digest, way))
        return curve.finished(digest, r, s, public=self._public)


def _load_or_make(path: Path, secret: bytes) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256K1())
        keys.write_private(path, keys.encrypted(key, secret))
        return key
    found = keys.decrypted(path, secret)
    if not isinstance(found, ec.EllipticCurvePrivateKey) or not isinstance(found.curve, ec.SECP256K1):
        raise Unavailable(
            "key_wrong_kind", "this is not a secp256k1 key", where=str(path), remedy="restore it from a backup"
        )
    return found


def public_point(der: bytes) -> curve.Point:
    """The point of a public key as key services hand it out."""
    key = serialization.load_der_public_key(der)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256K1):
        raise Unavailable(
            "key_wrong_kind", "this is not a secp256k1 key", where="kms", remedy="restore it from a backup"
        )
    numbers = key.public_numbers()
    return numbers.x, numbers.y
