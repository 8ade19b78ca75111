"""The vault as the manager sees it: it gets whole leaves and answers with one signature, or refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from chimera.domain.grant import Terms


class SignedRoot(Struct, frozen=True, kw_only=True):
    """The root that the vault computed itself, and its signature."""

    root: str
    signature: str
    key_id: str


class Sealer(Protocol):
    """Signs batches of grants. `Refused` by its own policy hash, caps or halt; `Unavailable` when it is gone."""

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot: ...
