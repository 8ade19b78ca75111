"""Cursors: opaque words that say where a list goes on. Made here, checked here; nobody else may look inside."""

from __future__ import annotations

import base64
import binascii
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid

PAGE_MAX = 200
PAGE = 50
CURSOR_LENGTH_MAX = 2_000
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
        raise Invalid(
            "cursor_malformed", "this cursor is none of ours", where="cursor", remedy="begin without one"
        ) from error
