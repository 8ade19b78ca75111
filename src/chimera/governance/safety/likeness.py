"""How alike posts are: a sketch of each (minhash, its lowest hashes) finds the few worth comparing, words decide. Pure.

Holds texts that were said, the newest of them; decides nothing about them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from zlib import crc32

from chimera.domain.native import runtime

SIMILARITY_MAX = 0.8
KNOWN_MAX = 4_096
WORDS_MAX = 400
SKETCH_SIZE = 12
SHARED_MIN = 2
HOLDERS_MAX = 64  # What more texts than this have in common is a phrase of the house (a disclosure) and finds nothing.
_WORD = re.compile(r"\w+")


@lru_cache(maxsize=KNOWN_MAX)
def words_of(text: str) -> frozenset[str]:
    """The words of a text, without their order; remembered, for what was said is compared again and again."""
    return frozenset(_row(text))


def similarity(left: frozenset[str], right: frozenset[str]) -> float:
    """Shared words among all of them."""
    return len(left & right) / max(1, len(left | right))


def sketch(text: str) -> tuple[int, ...]:
    """The lowest hashes of the text's pairs of words. Texts that share most pairs share most of these."""
    found = runtime.sketch(text, WORDS_MAX, SKETCH_SIZE) if runtime is not None and text.isascii() else None
    return sketch_of(text) if found is None else tuple(found)


def sketch_of(text: str) -> tuple[int, ...]:
    """The same in Python, for every text: what is right."""
    row = _row(text)
    pairs = {crc32(f"{first} {second}".encode("utf-8", "surrogatepass")) for first, second in pairwise(row)}
    return tuple(sorted(pairs)[:SKETCH_SIZE])


class Said:
    """What a fleet said lately. Finds what a text nearly repeats, whoever said it, without reading through all."""

    __slots__ = ("_holders", "_known", "_known_max")

    def __init__(self, *, known_max: int = KNOWN_MAX) -> None:
        assert known_max > 0, "something is remembered"
        self._known_max = known_max
        self._known: dict[str, None] = {}
        self._holders: dict[int, dict[str, None]] = {}

    def add(self, text: str) -> None:
        """Remember a text; the oldest is forgotten when there are too many."""
        self._known.pop(text, None)
        self._known[text] = None
        for key in sketch(text):
            holders = self._holders.setdefault(key, {})
            holders.pop(text, None)
            holders[text] = None
            if len(holders) > HOLDERS_MAX:
                del holders[next(iter(holders))]
        if len(self._known) > self._known_max:
            self._forget(next(iter(self._known)))

    def alike(self, text: str) -> tuple[str, ...]:
        """The texts that have nearly all words of this one."""
        shared: Counter[str] = Counter()
        for key in sketch(text):
            holders = self._holders.get(key)
            if holders and len(holders) < HOLDERS_MAX:
                shared.update(holders.keys())
        words = words_of(text)
        near = [said for said, keys in shared.items() if keys >= SHARED_MIN]
        return tuple(said for said in near if similarity(words, words_of(said)) > SIMILARITY_MAX)

    def _forget(self, text: str) -> None:
        del self._known[text]
        for key in sketch(text):
            holders = self._holders.get(key, {})
            holders.pop(text, None)
            if not holders:
                self._holders.pop(key, None)


def _row(text: str) -> list[str]:
    return _WORD.findall(text.lower())[:WORDS_MAX]
