"""Answers that were given to writes, by idempotency key. Kept for a day; no history, and nothing is decided by them."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Known(Struct, frozen=True, kw_only=True):
    """What stands under a key. `status` is 0 while the first of the requests is under way, or when it broke off."""

    is_new: bool
    digest: bytes
    at_us: int
    status: int = 0
    kept: bytes = b""


class ReplyStore(Protocol):
    """Shared by every process of the API. Of all who begin a key at once, one is told that it is new."""

    async def begin(self, key: bytes, digest: bytes, *, at_us: int, until_us: int) -> Known: ...

    async def keep(self, key: bytes, *, status: int, kept: bytes) -> None: ...

    async def forget(self, key: bytes) -> None:
        """Nothing came of it: whoever sends it again tries again."""
        ...

    async def drop(self, *, before_us: int) -> int:
        """Delete what has expired; how many."""
        ...
