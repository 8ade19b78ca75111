"""What we need to keep large things: bytes under a name, on a disk or in a cloud. Never says what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Kept(Struct, frozen=True, kw_only=True):
    """That something is kept: its name, how large it is, and since when."""

    name: str
    bytes: int
    at_us: int


class Objects(Protocol):
    """Names have the form `folder/name.ending`. Raises `Missing`, `Unavailable`."""

    async def put(self, name: str, data: bytes, *, mime: str) -> None:
        """Whole or not at all; what stood there is replaced."""
        ...

    async def get(self, name: str) -> bytes: ...

    async def list(self, folder: str) -> Sequence[Kept]:
        """Everything in a folder, by name."""
        ...

    async def delete(self, name: str) -> None:
        """Gone, also if it was not there."""
        ...

    def url(self, name: str) -> str:
        """Where the public fetches it, by whatever stands in front of the store; empty where nothing does."""
        ...
