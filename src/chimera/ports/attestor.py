"""The CFO's key, as the CFO sees it: it gets a statement and answers with a signature. The key stays in the vault."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Attestation(Struct, frozen=True, kw_only=True):
    """A signature and the name of its key."""

    signature: str
    key_id: str


class Attestor(Protocol):
    """Signs statements as the CFO. `Refused` when it may not; `Unavailable` when it is gone."""

    async def attest(self, statement: bytes) -> Attestation: ...
