"""Turns a password into what PostgreSQL keeps of it (RFC 5803), so that no password stands in a statement or a log."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64encode

_ITERATIONS = 4096
_SALT_BYTES = 16


def verifier_of(password: str) -> str:
    """The SCRAM-SHA-256 verifier of an ASCII password, with a fresh salt."""
    assert password.isascii(), "generated passwords are ASCII; others would need SASLprep"
    salt = secrets.token_bytes(_SALT_BYTES)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(_keyed(salted, b"Client Key")).digest()
    parts = (b64encode(salt), b64encode(stored), b64encode(_keyed(salted, b"Server Key")))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ITERATIONS, *(part.decode() for part in parts))


def _keyed(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()
