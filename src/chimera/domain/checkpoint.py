"""A signed statement about where every chain stood: one Merkle tree over the chains' heads, one signature. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from chimera.domain import canonical, ids, merkle, scopes
from chimera.domain.record import Record

DOMAIN = b"chimera.checkpoint.v1\x00"
BEGINNING = ""


class ChainHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one chain stood: its last sequence and hash, which stand for everything before."""

    writer: str
    seq: int
    hash: str

    @property
    def leaf(self) -> str:
        """The leaf's digest in the checkpoint's tree."""
        return merkle.leaf_of(canonical.encode(self))


class Statement(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the vault signs: the root over all heads, which checkpoint this is, and the hash of the one before."""

    number: int
    previous: str
    root: str
    chains: int
    at_us: int

    @property
    def signed_bytes(self) -> bytes:
        """The exact bytes under the signature."""
        return DOMAIN + canonical.encode(self)

    @property
    def digest(self) -> str:
        """What the next checkpoint names as its previous."""
        return canonical.sha256_hex(self.signed_bytes)


class Checkpoint(Record, frozen=True, kw_only=True):
    """A statement with the heads that it is about and the vault's signature. Never changed."""

    statement: Statement
    heads: tuple[ChainHead, ...]
    signature: str
    key_id: str

    @property
    def scope(self) -> str:
        return scopes.FLEET


def checkpoint_id(number: int) -> str:
    """The id of a checkpoint: they are in order, and there is one of each number."""
    return ids.at_time(number * 1_000, "checkpoint", str(number))


def root_of(heads: Sequence[ChainHead]) -> str:
    """The root over the heads in the order of their writers."""
    return merkle.root_of([head.leaf for head in heads])
