"""Secrets from the machine's entropy: argon2id for passwords, AES-GCM under a key from the home for what is stored."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets

from cryptography.exceptions import InvalidKey, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from chimera.domain.errors import Refused

# OWASP's first choice for argon2id: 19 MiB, two passes, one lane. About 70 ms here, on one core.
MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
SALT_BYTES, HASH_BYTES, NONCE_BYTES, SECRET_BYTES = 16, 32, 12, 32
_NOBODY = (
    "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$TZCCCJQw6qE40QoszdZDx3LhW/RG6J0UYvSQtFYYSrQ"
)  # fmt: skip


class SystemSecrecy:
    """Implements `ports.secrecy.Secrecy`."""

    def __init__(self, *, key: str) -> None:
        self._box = AESGCM(hashlib.sha256(b"chimera people\x00" + key.encode()).digest())

    def fresh(self) -> str:
        return secrets.token_urlsafe(SECRET_BYTES)

    async def hash_password(self, password: str) -> str:
        return await asyncio.to_thread(_hashed, password)

    async def password_matches(self, password: str, hashed: str) -> bool:
        # Somebody who does not exist takes as long as somebody who does.
        matches = await asyncio.to_thread(_matches, password, hashed or _NOBODY)
        return matches and bool(hashed)

    def lock(self, secret: bytes) -> str:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return base64.b64encode(nonce + self._box.encrypt(nonce, secret, None)).decode()

    def unlock(self, locked: str) -> bytes:
        try:
            sealed = base64.b64decode(locked, validate=True)
            return self._box.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)
        except (InvalidTag, ValueError) as error:
            raise Refused("secret_not_ours", "a stored secret does not open with this home's key", where="people",
                          remedy="restore secrets/people from a backup, or set it anew") from error  # fmt: skip


def _hashed(password: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    return _argon(salt).derive_phc_encoded(password.encode())


def _argon(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=HASH_BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)


def _matches(password: str, hashed: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except (InvalidKey, ValueError):
        return False
    return True
