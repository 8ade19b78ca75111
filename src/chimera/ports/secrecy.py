"""What is needed to keep secrets: fresh ones, slow hashes of passwords, and a lock whose key is not in the database."""

from __future__ import annotations

from typing import Protocol


class Secrecy(Protocol):
    """Where secrets come from and how they are kept."""

    def fresh(self) -> str:
        """A new secret of 256 bits, in letters that fit a header and a cookie."""
        ...

    async def hash_password(self, password: str) -> str:
        """The hash of a password, with its salt and parameters (argon2id)."""
        ...

    async def password_matches(self, password: str, hashed: str) -> bool:
        """Whether the password has this hash. Takes as long for a wrong one; an empty hash matches nothing."""
        ...

    def lock(self, secret: bytes) -> str:
        """The secret so that it may be stored."""
        ...

    def unlock(self, locked: str) -> bytes:
        """The secret again, or `Refused` if it was locked with another key or changed."""
        ...
