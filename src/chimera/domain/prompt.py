"""The instructions that a task type gives to a model, named by the hash of their text. May not be filled in here."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain import canonical


class Prompt(Struct, frozen=True):
    """One prompt file. Whoever changes a letter makes another prompt."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """The hash of the text."""
        return canonical.sha256_hex(self.text.encode())

    @property
    def ref(self) -> str:
        """How records name it."""
        return f"{self.name}#{self.digest[:12]}"
