"""The directory of agents beyond one installation: signed pointers to cards, and the peers that a person allows. Pure.

A pointer says: whoever holds this key can be met at this address, under this name or for this skill. It proves no more.
"""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import replace

from chimera.domain import canonical, ids
from chimera.domain.machine import Machine
from chimera.domain.record import Record, next_version

CONTEXT = b"chimera pointer 1\n"  # Signed bytes of ours are never another thing's.
POINTER_SECONDS_MAX = 48 * 3_600
POINTER_BYTES_MAX = 640
Hex32: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Address: TypeAlias = Annotated[str, Meta(pattern=r"^https?://[!-~]{1,200}$", max_length=207)]
Subject: TypeAlias = Annotated[str, Meta(pattern=r"^(agent:[0-9a-f]{64}|skill:[a-z0-9][a-z0-9._-]{0,63})$")]


class Pointer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the card of a key's holder is. A later one has a higher sequence; each runs out."""

    subject: Subject
    public: Hex32
    address: Address
    sequence: Annotated[int, Meta(ge=1, le=canonical.INTEGER_MAX)]
    expires_at_us: Annotated[int, Meta(ge=0, le=canonical.INTEGER_MAX)]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}$|^$")] = ""

    @property
    def key(self) -> bytes:
        """Where it lies in the directory."""
        return key_of(self.subject)

    def signed(self) -> bytes:
        """The bytes that its publisher signs: everything but the signature."""
        return CONTEXT + canonical.encode(replace(self, signature=""))


def agent_subject(public: str) -> str:
    """The subject under which only the holder of this key can publish."""
    return f"agent:{public}"


def key_of(subject: str) -> bytes:
    """Where in the directory what is said about a subject lies: 32 bytes."""
    return hashlib.sha256(subject.encode()).digest()


class PeerState(StrEnum):
    """Whether we may have anything to do with somebody."""

    SEEN = "seen"
    ALLOWED = "allowed"
    BLOCKED = "blocked"


class PeerCommand(StrEnum):
    """What can be done with a peer."""

    SEE = "see"
    ALLOW = "allow"
    BLOCK = "block"


_S, _C = PeerState, PeerCommand
PEER_MACHINE = Machine(
    "peer",
    PeerState,
    PeerCommand,
    {
        (_S.SEEN, _C.SEE): _S.SEEN,
        (_S.SEEN, _C.ALLOW): _S.ALLOWED,
        (_S.SEEN, _C.BLOCK): _S.BLOCKED,
        (_S.ALLOWED, _C.SEE): _S.ALLOWED,
        (_S.ALLOWED, _C.BLOCK): _S.BLOCKED,
        (_S.BLOCKED, _C.ALLOW): _S.ALLOWED,
    },
)


def peer_id(public: str) -> str:
    """A key is one peer, whatever it calls itself."""
    return ids.derive(ids.ROOT, "peer", public)


class Peer(Record, frozen=True, kw_only=True):
    """Somebody beyond this installation, by the key: what the directory last said, and what a person decided."""

    public: str
    address: str
    sequence: int
    expires_at_us: int
    seen_at_us: int
    subjects: tuple[str, ...] = ()
    by: str = ""
    state: PeerState = PeerState.SEEN

    def after(self, command: PeerCommand) -> Peer:
        """The peer after a command, or a named refusal."""
        return replace(next_version(self), state=PEER_MACHINE.after(self.state, command))
