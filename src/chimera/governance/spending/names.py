"""Whom a payment goes to: names that could not be meant, and names that look like one that is known. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

from chimera.domain.address import parse_address
from chimera.domain.errors import Invalid
from chimera.governance.security.confusables import CONFUSABLES, INVISIBLE

RECIPIENT_LETTERS_MAX = 256
ALIKE_LETTERS_MIN = 6
_DIGITS = str.maketrans({"0": "o", "1": "l", "3": "e", "5": "s", "8": "b", "|": "l", "$": "s", "@": "a"})
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_MEANT_FOR_ADDRESS = re.compile(r"0x[0-9a-f]+|0\w{41}", re.IGNORECASE)
_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.IGNORECASE)
_ENDS = 4


def require_recipient(name: str) -> str:
    """A recipient that a person could have meant, or a named refusal."""
    if not name or name != name.strip() or len(name) > RECIPIENT_LETTERS_MAX:
        raise Invalid(
            "recipient_malformed",
            "a recipient has 1 to 256 letters and no space around it",
            where="recipient",
            remedy="write it as the invoice does",
        )
    if any(ord(sign) in INVISIBLE or not sign.isprintable() for sign in name):
        raise Invalid(
            "recipient_invisible",
            "an invisible sign stands in the recipient's name",
            where="recipient",
            remedy="type the name by hand",
        )
    # Whoever writes one word that begins like an address, or is as long as one, means an address with all its letters.
    return parse_address(name, where="recipient") if _MEANT_FOR_ADDRESS.fullmatch(name) else name


@lru_cache(maxsize=65_536)
def skeleton(name: str) -> str:
    """What a name looks like: two names with one skeleton are hard to tell apart."""
    if _ADDRESS.fullmatch(name):
        return name.lower()
    folded = unicodedata.normalize("NFKD", name.casefold()).translate(INVISIBLE).translate(CONFUSABLES)
    plain = "".join(sign for sign in folded if not unicodedata.combining(sign)).translate(_DIGITS)
    for pair, letter in _PAIRS:
        plain = plain.replace(pair, letter)
    return plain


def mixes_scripts(name: str) -> bool:
    """Whether one word mixes letters of several alphabets, which no honest name does."""
    for word in re.findall(r"\w+", name):
        scripts = {unicodedata.name(sign, "?").split(" ")[0] for sign in word if sign.isalpha()}
        if len(scripts & {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"}) > 1:
            return True
    return False


def look_alike(name: str, known: Mapping[str, str]) -> str:
    """The known name that this one could be taken for, or nothing. `known`: skeletons and the names behind them."""
    own = skeleton(name)
    twin = known.get(own)
    if twin is not None and twin != name:
        return twin
    for other, behind in known.items():
        if behind != name and _near(own, other) and not _counted(name, behind):
            return behind
    return ""


def _near(left: str, right: str) -> bool:
    """One letter apart, or two neighbours changed; an address: the same beginning and end."""
    if left.startswith("0x") and right.startswith("0x"):
        return left != right and left[: _ENDS + 2] == right[: _ENDS + 2] and left[-_ENDS:] == right[-_ENDS:]
    if abs(len(left) - len(right)) > 1 or min(len(left), len(right)) < ALIKE_LETTERS_MIN:
        return False
    start = next((n for n, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    a, b = left[start:], right[start:]
    swapped = len(a) == len(b) and len(a) > 1 and a[:2] == b[1::-1] and a[2:] == b[2:]
    return swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]


def _counted(left: str, right: str) -> bool:
    """`node-1` and `node-2` are counted, not disguised."""
    return left != right and re.sub(r"\d+", "#", left) == re.sub(r"\d+", "#", right)
