"""How large, deep and plain a document from outside may be, and what its scalars may hold."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Invalid

KEY_LENGTH_MAX = 128


class DocumentLimits(Struct, frozen=True, kw_only=True):
    """What is refused unread. `nodes_max` counts every key, value, list and object."""

    bytes_max: int = 262_144
    depth_max: int = 24
    nodes_max: int = 20_000
    floats: bool = False


STANDARD = DocumentLimits()


class Complaint(Struct, frozen=True):
    """What is wrong with one scalar, without its place."""

    reason: str
    remedy: str = ""


def about_text(value: str) -> Complaint | None:
    """What is wrong with a text: NUL bytes, halves of characters."""
    try:
        canonical.require_text(value)
    except Invalid as error:
        return Complaint(error.message, error.remedy)
    return None


def about_key(key: object) -> Complaint | None:
    """What is wrong with a key: not text, not ASCII, empty, too long, a merge."""
    if not isinstance(key, str):
        return Complaint("a key is not text", "write the key in quotes")
    if key == "<<":
        return Complaint("a merge key '<<' is not allowed", "write the entries out")
    if not key or len(key) > KEY_LENGTH_MAX:
        return Complaint(f"a key has {len(key)} characters", f"a key has 1 to {KEY_LENGTH_MAX}")
    if not key.isascii() or not key.isprintable():
        return Complaint("a key has a letter beyond printable ASCII", "rename it")
    return None


def about_integer(digits: str) -> Complaint | None:
    """What is wrong with a whole number, before it is converted: a million digits would take minutes."""
    if len(digits) > 17 or abs(int(digits)) > canonical.INTEGER_MAX:
        return Complaint(f"the number has {len(digits)} digits and no exact JSON form", "write it as text, in quotes")
    return None
