"""What nodes of the directory send one another: one signed datagram each. Everything from outside is bounded here.

A node's place follows from its key, so nobody chooses it; a reply counts only from whom and where it was asked.
"""

from __future__ import annotations

import hashlib
import ipaddress
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from chimera.domain.directory import POINTER_BYTES_MAX
from chimera.domain.errors import Invalid

DATAGRAM_BYTES_MAX = 1_400
CLOSEST = 12
POINTERS_IN_REPLY = 1
CONTEXT = b"chimera directory 1\n"
Where: TypeAlias = tuple[str, int]
Bytes32: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]


class Kind(StrEnum):
    """A question, or the answer to one."""

    FIND = "find"
    FOUND = "found"
    STORE = "store"
    STORED = "stored"


class Node(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody in the directory: the key, and where it says that it is."""

    public: Bytes32
    host: Annotated[bytes, Meta(min_length=4, max_length=16)]
    port: Annotated[int, Meta(ge=1, le=65_535)]

    @property
    def where(self) -> Where:
        """As a socket takes it."""
        return str(ipaddress.ip_address(self.host)), self.port


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One question or answer. `to` is the key that it is for: nobody passes it on to another."""

    kind: Kind
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    to: Annotated[bytes, Meta(max_length=32)] = b""
    target: Annotated[bytes, Meta(max_length=32)] = b""
    token: Annotated[bytes, Meta(max_length=16)] = b""
    offset: Annotated[int, Meta(ge=0, le=64)] = 0
    total: Annotated[int, Meta(ge=0, le=64)] = 0
    nodes: Annotated[tuple[Node, ...], Meta(max_length=CLOSEST)] = ()
    pointers: Annotated[tuple[Annotated[bytes, Meta(max_length=POINTER_BYTES_MAX)], ...], Meta(max_length=2)] = ()


class Frame(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A message under its sender's signature."""

    public: Bytes32
    signature: Annotated[bytes, Meta(min_length=64, max_length=64)]
    body: bytes


_ENCODER = msgspec.msgpack.Encoder()
_FRAMES = msgspec.msgpack.Decoder(Frame)
_MESSAGES = msgspec.msgpack.Decoder(Message)


def place_of(public: bytes) -> bytes:
    """Where a key stands among all others."""
    return hashlib.sha256(public).digest()


def distance(one: bytes, other: bytes) -> int:
    """How far two places are from one another."""
    return int.from_bytes(one, "big") ^ int.from_bytes(other, "big")


def node_at(public: bytes, where: Where) -> Node:
    """A node at an address that a datagram came from."""
    return Node(public, ipaddress.ip_address(where[0].partition("%")[0]).packed, where[1])


def framed(message: Message, key: Ed25519PrivateKey, public: bytes) -> bytes:
    """A message as it travels."""
    body = _ENCODER.encode(message)
    data = _ENCODER.encode(Frame(public, key.sign(CONTEXT + body), body))
    assert len(data) <= DATAGRAM_BYTES_MAX, f"{message.kind} has {len(data)} bytes"
    return data


def opened(data: bytes) -> tuple[bytes, Message]:
    """Who sent a datagram, and what; `Invalid` for everything that is not a signed message of ours."""
    if len(data) > DATAGRAM_BYTES_MAX:
        raise Invalid("datagram_malformed", "too long", where="directory", remedy="nothing to do: it is thrown away")
    try:
        frame = _FRAMES.decode(data)
        Ed25519PublicKey.from_public_bytes(frame.public).verify(frame.signature, CONTEXT + frame.body)
        return frame.public, _MESSAGES.decode(frame.body)
    except (msgspec.DecodeError, InvalidSignature, ValueError, RecursionError) as error:
        raise Invalid(
            "datagram_malformed",
            str(error)[:100] or "not signed by its sender",
            where="node",
            remedy="nothing to do: it is thrown away",
        ) from error
