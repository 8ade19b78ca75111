"""One text, read once: its cues and where they stand, and how many digits it has. Finds nothing itself."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache
from importlib import resources
from operator import itemgetter
from typing import NamedTuple

import ahocorasick_rs
import msgspec

_WHOLE = True
_SURROGATE = re.compile("[\ud800-\udfff]")
# Signs that count wherever they stand; the words of the data file count as whole words only.
_SIGNS: dict[str, tuple[str, ...]] = {
    "at": ("@",),
    "scheme": ("://", "www."),
    "colon": (":",),
    "key": (
        "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "xoxa-", "xoxb-", "xoxe-", "xoxp-",
        "xoxr-", "xoxs-", "sk-", "sk_", "pk_", "rk_", "aiza", "glpat-", "npm_", "hf_", "sg.", "pypi-", "dop_v1_",
    ),
    "pem": ("private key-----",),
    "jwt": ("eyj",),
    "hex": ("0x",),
    "bech32": ("bc1",),
}  # fmt: skip
SIGNS = frozenset(_SIGNS)

CUES_AFTER_MAX = 4  # Cues come in the order of their ends; one within another is all that can stand between.
_END = itemgetter(1)


def signs_of(cues: Iterable[str]) -> tuple[str, ...]:
    """Every sign of these cues, in small letters."""
    return tuple(sign for cue in cues for sign in _SIGNS[cue])


class Reading(NamedTuple):
    """A text with what was seen at first sight."""

    text: str
    cues: dict[str, list[tuple[int, int]]]
    digits: int

    def before(self, cue: str, place: int, *, within: int) -> bool:
        """Whether a cue ends at most so far before this place."""
        return 0 <= place - self.last_before(cue, place, otherwise=-1) <= within

    def last_before(self, cue: str, place: int, *, otherwise: int) -> int:
        """Where the last cue before this place ends."""
        spans = self.cues.get(cue, ())
        following = bisect_right(spans, place, key=_END)
        return spans[following - 1][1] if following else otherwise

    def after(self, cue: str, place: int, *, within: int) -> bool:
        """Whether a cue begins at most so far after this place."""
        spans = self.cues.get(cue, ())
        following = bisect_right(spans, place, key=_END)
        return any(0 <= start - place <= within for start, _ in spans[following : following + CUES_AFTER_MAX])


class Reader:
    """The automaton over all cues; or over some signs alone, where nobody asks after more, and not after digits."""

    __slots__ = ("_counts_digits", "_cues", "_scan")

    def __init__(
        self, words: dict[str, tuple[str, ...]], *, signs: frozenset[str] = SIGNS, digits: bool = True
    ) -> None:
        self._counts_digits = digits
        cues: dict[str, list[tuple[str, bool]]] = {}
        for cue, listed in _SIGNS.items():
            for sign in listed if cue in signs else ():
                cues.setdefault(sign, []).append((cue, False))
        for cue, listed in words.items():
            for word in listed:
                cues.setdefault(word.lower(), []).append((cue, _WHOLE))
        self._cues = tuple(cues.values())
        self._scan = ahocorasick_rs.AhoCorasick(tuple(cues), store_patterns=False)

    def read(self, text: str) -> Reading:
        """One pass over the text."""
        lowered = _lowered(text)
        cues: dict[str, list[tuple[int, int]]] = {}
        for number, start, end in self._scan.find_matches_as_indexes(lowered, overlapping=True):
            for cue, whole in self._cues[number]:
                if not whole or _stands_alone(lowered, start, end):
                    cues.setdefault(cue, []).append((start, end))
        return Reading(text, cues, sum(map(text.count, "0123456789")) if self._counts_digits else 0)


def _lowered(text: str) -> str:
    lowered = text.lower()
    if not text.isascii():
        # Half a character cannot be searched for; what stands in its place is as long.
        lowered = _SURROGATE.sub("\ufffd", lowered)
    if len(lowered) == len(text):
        return lowered
    # "İ" becomes two signs, and every place after it would be wrong.
    return _SURROGATE.sub("\ufffd", "".join(_one_sign(text)))


def _one_sign(text: str) -> Iterator[str]:
    for sign in text:
        lowered = sign.lower()
        yield lowered if len(lowered) == 1 else sign


def _stands_alone(text: str, start: int, end: int) -> bool:
    return not (start and text[start - 1].isalnum()) and not text[end : end + 1].isalnum()


@cache
def shipped_reader() -> Reader:
    """The reader with the words that came with this package."""
    data = (resources.files("chimera.governance.privacy") / "data" / "words.json").read_bytes()
    return Reader(msgspec.json.decode(data, type=dict[str, tuple[str, ...]]))


@cache
def reader_of_signs(signs: frozenset[str]) -> Reader:
    """The reader of these signs alone, several times as fast: for whoever asks after nothing that words announce."""
    return Reader({}, signs=signs, digits=False)
