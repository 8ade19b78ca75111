"""What an agent, or the whole fleet, remembers: a text with its labels. Never an instruction to anybody. Pure."""

from __future__ import annotations

from enum import StrEnum

from msgspec.structs import replace

from chimera.domain.errors import Conflict
from chimera.domain.labels import SECRET, Labels, union
from chimera.domain.record import Record

SHARED = "shared"
TEXT_CHARS_MAX = 2_000


class MemoryKind(StrEnum):
    """Something that happened, something that is so, or many memories in one."""

    EPISODIC = "episodic"
    SEMANTIC = "semantic"
    SUMMARY = "summary"


class Memory(Record, frozen=True, kw_only=True):
    """One memory. `owner` is an agent's id, or `shared`."""

    owner: str
    kind: MemoryKind
    text: str
    labels: Labels
    importance_bp: int
    at_us: int
    sources: tuple[str, ...] = ()
    state: str = "kept"

    @property
    def scope(self) -> str:
        return self.owner

    def kept_secret(self) -> Memory:
        """Under the label `secret`, which is never taken off again."""
        if self.state != "kept":
            raise Conflict(
                "memory_forgotten", f"memory {self.id} is forgotten already", where="memory", remedy="nothing to do"
            )
        return replace(self, version=self.version + 1, labels=union(self.labels, (SECRET,)))

    def forgotten(self) -> Memory:
        """Without its words. That there was something stays."""
        if self.state != "kept":
            raise Conflict(
                "memory_forgotten", f"memory {self.id} is forgotten already", where="memory", remedy="nothing to do"
            )
        return replace(self, version=self.version + 1, state="forgotten", text="", sources=())
