"""What an installed version of an agent was: its manifest, so that one can look at it and go back to it. Pure."""

from __future__ import annotations

from typing import Any

from chimera.domain import ids
from chimera.domain.record import Record


class Edition(Record, frozen=True, kw_only=True):
    """One version as it was installed first. `manifest` is the manifest as plain values."""

    agent_id: str
    package_version: str
    digest: str
    manifest: dict[str, Any]
    installed_by: str
    installed_at_us: int

    @property
    def scope(self) -> str:
        return self.agent_id


def edition_id(agent_id: str, digest: str) -> str:
    """The id of a version: the same content of the same agent is one."""
    return ids.derive(agent_id, "edition", digest)
