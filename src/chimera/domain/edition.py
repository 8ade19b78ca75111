"""What an installed version of an agent was: its manifest, so that one can look at it and go back to it. Pure."""

from __future__ import annotations

import base64
from typing import Any, cast

import msgspec

from chimera.domain import ids
from chimera.domain.brand import Brand
from chimera.domain.manifest import Constitution, Manifest
from chimera.domain.record import Record


class Edition(Record, frozen=True, kw_only=True):
    """One version as it was installed first: its manifest, and the rules of its constitution, as plain values."""

    agent_id: str
    package_version: str
    digest: str
    manifest: dict[str, Any]
    installed_by: str
    installed_at_us: int
    constitution: dict[str, Any] | None = None
    brand: Brand | None = None
    # In Base64: records hold texts.
    references: tuple[str, ...] = ()

    @property
    def scope(self) -> str:
        return self.agent_id

    def as_manifest(self) -> Manifest:
        """The manifest as it was read then."""
        return msgspec.convert(_said(self.manifest), Manifest)

    @property
    def faces(self) -> tuple[bytes, ...]:
        """The persona's reference images as they were then."""
        return tuple(map(base64.b64decode, self.references))

    def models_for(self, task_type: str) -> tuple[str, ...]:
        """Which models its manifest names for a task type, in order."""
        return tuple(self.manifest.get("models", {}).get(task_type, ()))

    def as_constitution(self) -> Constitution | None:
        """The rules as they were read then, if there were any."""
        return msgspec.convert(self.constitution, Constitution) if self.constitution else None


def _said(value: object) -> object:
    """Without what was left out: an empty text stands for it on record, and no form of a manifest allows one."""
    if isinstance(value, dict):
        known = cast("dict[str, object]", value)
        return {name: _said(one) for name, one in known.items() if one != ""}
    if isinstance(value, list | tuple):
        return [_said(one) for one in cast("list[object]", value)]
    return value


def edition_id(agent_id: str, digest: str) -> str:
    """The id of a version: the same content of the same agent is one."""
    return ids.derive(agent_id, "edition", digest)
