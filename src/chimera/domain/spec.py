"""The typed contract of a task type: what goes in, what comes out, when it is good enough. May not run anything."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field


class Risk(StrEnum):
    """The category that policy reads. Everything but `ordinary` needs a person."""

    ORDINARY = "ordinary"
    POLITICS = "politics"
    LEGAL = "legal"
    FINANCIAL = "financial"
    BRAND = "brand"


class Check(Struct, frozen=True, forbid_unknown_fields=True):
    """A named acceptance check with its parameters."""

    name: str
    parameters: dict[str, Any] = {}


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one task may use."""

    seconds_max: int = 30
    attempts_max: int = 3
    revisions_max: int = 3
    cost_micros_max: int = 50_000
    output_bytes_max: int = 65_536
    repairs_max: int = 1
    may_cache: bool = False
    drafts: int = 1


class Recall(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a task of this type has to do with memory: nothing, unless its file says so.

    `keeps` names the output's text that is remembered once the task is done.
    """

    memories_max: int = 0
    keeps: str = ""
    importance_bp: int = 5_000


class SpecRef(Struct, frozen=True, array_like=True):
    """Which contract a record was made under."""

    name: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}#{self.digest[:12]}"


class Spec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task type. `digest` is the hash of the file's canonical content."""

    name: str
    version: int
    title: str
    skill: str
    input: dict[str, Any]
    output: dict[str, Any]
    checks: tuple[Check, ...]
    actions: tuple[str, ...]
    permissions: tuple[str, ...]
    prompt: str = ""
    triggers: tuple[str, ...] = ()
    risk: Risk = Risk.ORDINARY
    limits: Limits = field(default_factory=Limits)
    recall: Recall = field(default_factory=Recall)
    digest: str = ""

    @property
    def has_variants(self) -> bool:
        """Whether posts of this type have a style, media and a time that can be chosen."""
        return "style" in self.input.get("properties", {})

    @property
    def ref(self) -> SpecRef:
        """The reference that every record of this type carries."""
        return SpecRef(self.name, self.version, self.digest)
