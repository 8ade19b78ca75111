"""Identifiers: time-prefixed UUIDs, and others derived from them. May not read a clock or draw a random number."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from chimera.domain.errors import Invalid

_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The outline of an id: each digit that it may have becomes 0, and what it may not have a question mark.
_OUTLINE = b"00000000-0000-0000-0000-000000000000,"
_OUTLINED = bytes([48 if sign in b"0123456789abcdef" else sign if sign in b"-," else 63 for sign in range(256)])
_VERSION_7 = 7 << 76
_VARIANT = 2 << 62
_VARIANTS = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_LOW_12 = (1 << 12) - 1
_LOW_62 = (1 << 62) - 1


def build(*, at_us: int, entropy: int) -> str:
    """A version 7 UUID from a time in microseconds and 74 bits of entropy."""
    prefix = ((at_us // 1000) & ((1 << 48) - 1)) << 80
    digits = f"{prefix | _VERSION_7 | ((entropy >> 62) & _LOW_12) << 64 | _VARIANT | entropy & _LOW_62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def beginning(at_ms: int) -> str:
    """What an id of this millisecond begins with."""
    digits = f"{at_ms & ((1 << 48) - 1):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def ending(digits: str) -> str:
    """What follows the time in an id, from nineteen digits of a hash or of entropy."""
    return f"-7{digits[:3]}-{_VARIANTS[digits[3]]}{digits[4:7]}-{digits[7:19]}"


def at_time(at_us: int, *names: str) -> str:
    """The id of something that has a time and a name elsewhere: told twice, it is the same id."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return build(at_us=at_us, entropy=int.from_bytes(digest[:10], "big") & ((1 << 74) - 1))


# What belongs to the house and to no campaign derives from a root without a time.
ROOT = "00000000-0000-7000-8000-000000000000"


def derive(root: str, *names: str) -> str:
    """The id of a child: the root's time prefix, and a hash of root and names. The same names give the same id."""
    digest = hashlib.sha256("\x1f".join((root, *names)).encode()).hexdigest()
    return f"{root[:13]}{ending(digest)}"


def at_us(identifier: str) -> int:
    """The time that an id carries, in microseconds (to the millisecond)."""
    return int(identifier[:8] + identifier[9:13], 16) * 1000


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _FORM.fullmatch(text) is not None


def are_ids(texts: Sequence[str]) -> bool:
    """Whether every one of some texts has the form of an id: one look at all of them."""
    try:
        together = ",".join((*texts, "")).encode("ascii")
    except UnicodeEncodeError:
        return False
    return together.translate(_OUTLINED) == _OUTLINE * len(texts)


def parse(text: str, *, where: str = "id") -> str:
    """An id from outside, checked once."""
    if _FORM.fullmatch(text) is None:
        raise Invalid("id_malformed", f"{text[:60]!r} is not an id", where=where, remedy="copy it whole, 36 characters")
    return text
