"""Cursors: opaque words that say where a list goes on. Made here, checked here; nobody else may look inside."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain import ids
from chimera.domain.errors import Invalid, Refused
from chimera.ports.secrecy import Secrecy

PAGE_MAX = 200
PAGE = 50
CURSOR_LENGTH_MAX = 2_000
_FOR_ADDRESSES, _STORED = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")
T = TypeVar("T")
C = TypeVar("C")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list. `next` is the cursor of the part after it; empty at the end."""

    items: tuple[T, ...]
    next: str = ""


class After(Struct, frozen=True, array_like=True):
    """The last line that was shown, by what the list is ordered by and its id."""

    order: int
    id: str


class Places:
    """Cursors over the chains, locked: how far each chain has come is for whoever may read it."""

    def __init__(self, secrecy: Secrecy) -> None:
        self._secrecy = secrecy

    def encode(self, cursor: Mapping[str, int]) -> str:
        """Places as a word for an address."""
        return self._secrecy.lock(msgspec.json.encode(cursor)).translate(_FOR_ADDRESSES).rstrip("=")

    def decode(self, word: str) -> dict[str, int] | None:
        """The places of a word; nothing for an empty one."""
        if not word:
            return None
        if len(word) > CURSOR_LENGTH_MAX or not word.isascii():
            raise _malformed()
        try:
            opened = self._secrecy.unlock(word.translate(_STORED) + "=" * (-len(word) % 4))
            return msgspec.json.decode(opened, type=dict[str, int])
        except (Refused, msgspec.DecodeError) as error:
            raise _malformed() from error


def encode(cursor: object) -> str:
    """A cursor as a word for an address."""
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def decode(word: str, kind: type[C]) -> C | None:
    """The cursor of a word; nothing for an empty one."""
    if not word:
        return None
    try:
        if len(word) > CURSOR_LENGTH_MAX:
            raise ValueError("too long")
        padded = word + "=" * (-len(word) % 4)
        return msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=kind)
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise _malformed() from error


def place(word: str) -> str:
    """The id that a cursor names, where a list is ordered by ids; empty for an empty one."""
    last = decode(word, str)
    return ids.parse(last, where="cursor") if last else ""


def _malformed() -> Invalid:
    return Invalid("cursor_malformed", "this cursor is none of ours", where="cursor", remedy="begin without one")
