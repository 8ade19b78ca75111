"""The instructions that a task type gives to a model, named by the hash of their text. May not be filled in here."""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from chimera.domain import canonical

PROMPTS_MAX = 256


class Prompt(Struct, frozen=True):
    """One prompt file. Whoever changes a letter makes another prompt."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        """The hash of the text."""
        return _digest_of(self.text)

    @property
    def ref(self) -> str:
        """How records name it."""
        return f"{self.name}#{self.digest[:12]}"


# Every answer names its prompt, and there are few of them.
@lru_cache(maxsize=PROMPTS_MAX)
def _digest_of(text: str) -> str:
    return canonical.sha256_hex(text.encode())
