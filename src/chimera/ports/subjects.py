"""The keys under which people's data is sealed: one for each person, outside the database. Without the key: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from chimera.domain.consent import Said


class ConsentJournal(Protocol):
    """What people have said about uses of their data, outside the database and its backups."""

    def add(self, entry: Said) -> None:
        """On disk when this returns. Blocks."""
        ...

    def entries(self) -> Iterator[Said]:
        """Everything that was said, in its order."""
        ...


class SubjectKeys(Protocol):
    """Destroying a person's key erases what is sealed under it, in this database and in every copy of it."""

    def name_of(self, person: str) -> str:
        """What stands for a person where the handle must not stay."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is a key."""
        ...

    def made_us(self, name: str) -> int:
        """When the key was made; 0 when there is none."""
        ...

    def make(self, name: str) -> None:
        """A new key, on disk when this returns; nothing happens when there is one. Blocks."""
        ...

    def is_erased(self, name: str) -> bool:
        """Whether a key was destroyed, and none has been made since."""
        ...

    def seal(self, name: str, content: bytes, *, about: str) -> bytes:
        """The content, readable only with the person's key and only as being about that record."""
        ...

    def open(self, name: str, sealed: bytes, *, about: str) -> bytes | None:
        """The content; or None when the key is gone, or is another one than it was sealed under."""
        ...

    def destroy(self, name: str, *, made_until_us: int) -> bool:
        """The key gone from the disk if it was made by then. Blocks."""
        ...
