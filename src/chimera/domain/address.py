"""Addresses on Ethereum and its kin: taken exactly as their checksum says (EIP-55), or refused by name. Pure."""

from __future__ import annotations

import functools
import re

from chimera.domain.errors import Invalid
from chimera.domain.keccak import keccak256

_FORM = re.compile(r"0x[0-9a-fA-F]{40}")
ZERO = "0x" + "0" * 40
# People compare the ends of an address, and whoever makes look-alikes knows it.
LETTERS_COMPARED = 4


@functools.lru_cache(maxsize=4_096)
def checksummed(digits: str) -> str:
    """The one right way to write 40 hexadecimal digits as an address."""
    lower = digits.lower()
    marks = keccak256(lower.encode()).hex()
    return "0x" + "".join(
        letter.upper() if int(mark, 16) >= 8 else letter for letter, mark in zip(lower, marks, strict=False)
    )


def parse_address(text: str, *, where: str = "recipient") -> str:
    """An address from outside. A digit that only looks like one, and letters in the wrong case, are refused."""
    if not text.isascii():
        raise Invalid("address_homoglyph", f"{text[:60]!r} has letters that only look right", where=where,
                      remedy="copy the address from its owner, not from a text")  # fmt: skip
    if not _FORM.fullmatch(text):
        raise Invalid("address_malformed", f"{text[:60]!r} is not an address", where=where,
                      remedy="write 0x and 40 hexadecimal digits")  # fmt: skip
    if text != checksummed(text[2:]):
        raise Invalid("address_checksum", f"{text} does not have its checksum", where=where,
                      remedy="copy it with its capital letters: one wrong digit sends the money to nobody")  # fmt: skip
    if text == ZERO:
        raise Invalid("address_zero", "nobody has the address of zeros", where=where,
                      remedy="ask whoever is to be paid for theirs")  # fmt: skip
    return text


def look_alike(address: str, known: str) -> bool:
    """Whether another address would be taken for a known one by whoever looks at its ends."""
    ends = [(one[2 : 2 + LETTERS_COMPARED].lower(), one[-LETTERS_COMPARED:].lower()) for one in (address, known)]
    return address != known and ends[0] == ends[1]
