"""A skill of somebody else's (OpenClaw's form: a folder with SKILL.md), as it may be imported. Pure.

It is a stranger's text and files. Importing permits nothing and runs nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from chimera.domain import canonical

CONTEXT = b"chimera imported skill 1\n"
SKILL_FILE = "SKILL.md"
HEAD_BYTES_MAX = 16_384


class Seal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who vouches for exactly these bytes. It travels beside the archive."""

    publisher: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$")]


class SkillHead(Struct, frozen=True, kw_only=True):
    """What stands at the top of SKILL.md; other fields are kept as they are and believed in nothing."""

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    description: Annotated[str, Meta(min_length=1, max_length=2_000)]
    metadata: dict[str, Any] = {}


class ImportedSkill(Struct, frozen=True, kw_only=True):
    """One imported skill as it lies in quarantine."""

    name: str
    description: str
    publisher: str
    sha256: str
    wants: tuple[str, ...]
    files: tuple[str, ...]


def signed_bytes(publisher: str, sha256: str) -> bytes:
    """What a publisher signs for a skill's archive."""
    return CONTEXT + canonical.encode({"publisher": publisher, "sha256": sha256})


def wants_of(metadata: dict[str, Any]) -> tuple[str, ...]:
    """What a skill asks the machine for (programs, variables, installers), in words: none of it is given."""
    found: list[str] = []
    for maker, asked in sorted(metadata.items()):
        if not isinstance(asked, dict):
            continue
        requires: dict[str, Any] = asked.get("requires") or {}
        for kind, names in sorted(requires.items() if isinstance(requires, dict) else ()):
            found.extend(f"{kind}: {name}"[:200] for name in (names if isinstance(names, list) else [names]))
        if asked.get("install"):
            found.append(f"{maker}: to install programs")
    return tuple(found[:100])
