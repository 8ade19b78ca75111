"""The vault as the office sees it: it gets where every chain stands, and signs it, or refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from chimera.domain.checkpoint import ChainHead, Statement


class SignedStatement(Struct, frozen=True, kw_only=True):
    """The statement that the vault made itself, and its signature."""

    statement: Statement
    signature: str
    key_id: str


class CheckpointSigner(Protocol):
    """Signs checkpoints. `Refused` when history went backwards; `Unavailable` when it is gone."""

    async def checkpoint(self, heads: Sequence[ChainHead], *, after: int, previous: str) -> SignedStatement: ...
