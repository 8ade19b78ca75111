"""One pass over a folded text that finds the lexicon's terms and the model's features, in units of about a sentence.

Units keep a long harmless document from diluting, or adding up to, what one sentence says. Weighs nothing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TypeAlias

import ahocorasick_rs

UNIT_CHARS_MIN = 40  # Shorter sentences join the next, or "Ignore. Previous. Rules." would be three harmless ones.
UNIT_CHARS_MAX = 240
PAD = " . "
_NUMBER, _END = itemgetter(0), itemgetter(2)


# What one stretch of text says: concepts as bits, the numbers of the features found in it, and from where to where.
# A plain tuple, for there is one for each sentence that anybody writes to us.
Unit: TypeAlias = tuple[int, frozenset[int], int, int]


class Matcher:
    """Two automata, one over the model's features and one over the concepts' terms, each run once over a whole text."""

    __slots__ = ("_bits", "_features", "_terms")

    def __init__(self, *, features: Iterable[str], concepts: Iterable[tuple[int, str]]) -> None:
        words = tuple(features)
        assert not any(PAD in word[1:-1] for word in words), "a feature stays within one unit"
        bits: dict[str, int] = {}
        for bit, literal in concepts:
            bits[literal] = bits.get(literal, 0) | bit
        self._bits = list(bits.values())
        self._features = ahocorasick_rs.AhoCorasick(words, store_patterns=False)
        self._terms = ahocorasick_rs.AhoCorasick(tuple(bits), store_patterns=False)

    def units(self, folded: str) -> list[Unit]:
        """The text's units in order; positions are those of `folded`."""
        cuts = _cuts(folded)
        # Every unit stands between sentence ends, and neighbours share one, so that one pass sees each unit alone.
        text = PAD + PAD.join([folded[start:end] for start, end in cuts]) + PAD
        said = self._terms.find_matches_as_indexes(text, overlapping=True)
        matches = self._features.find_matches_as_indexes(text, overlapping=True)
        numbers, ends = list(map(_NUMBER, matches)), list(map(_END, matches))
        units: list[Unit] = []
        beyond = counted = term = 0
        for start, end in cuts:
            before, beyond = beyond, beyond + end - start + len(PAD)
            last = bisect_right(ends, beyond + len(PAD), counted)
            concepts = 0
            while term < len(said) and said[term][2] <= beyond + len(PAD):
                number, first, _ = said[term]
                # A term with a sentence end inside can reach back into another unit.
                if first >= before:
                    concepts |= self._bits[number]
                term += 1
            units.append((concepts, frozenset(numbers[counted:last]), start, end))
            counted = last
        return units

    def places(self, folded: str, *, start: int, end: int, wanted: Iterable[int]) -> list[tuple[int, int]]:
        """Where in `folded[start:end]` each of these sets of concepts is said, for what is reported."""
        text = PAD + folded[start:end] + PAD
        shift = start - len(PAD)
        said = [
            (self._bits[number], first + shift, last + shift)
            for number, first, last in self._terms.find_matches_as_indexes(text, overlapping=True)
        ]
        return [_place(folded, (start, end), said, concepts) for concepts in wanted]


def _place(
    folded: str, within: tuple[int, int], said: Sequence[tuple[int, int, int]], concepts: int
) -> tuple[int, int]:
    start, end = within
    low = min((first for bits, first, _ in said if bits & concepts), default=end)
    high = max((last for bits, _, last in said if bits & concepts), default=start)
    if low >= high:
        return start, end
    # Literals take the spaces around them along, and stems stop inside a word.
    low, high = max(low, start), min(high, end)
    while low < high and folded[low] in PAD:
        low += 1
    while high > low and folded[high - 1] in PAD:
        high -= 1
    while high < end and folded[high] not in PAD:
        high += 1
    return low, high


def _cuts(folded: str) -> list[tuple[int, int]]:
    """Where units begin and end: at a sentence end after enough text, or at a space where a sentence does not end."""
    length = len(folded)
    cuts: list[tuple[int, int]] = []
    start = 0
    while start < length:
        stop = folded.find(PAD, start + UNIT_CHARS_MIN, start + UNIT_CHARS_MAX)
        if stop < 0:
            stop = length if length - start <= UNIT_CHARS_MAX else folded.rfind(" ", start, start + UNIT_CHARS_MAX)
            stop = stop if stop > start else start + UNIT_CHARS_MAX
        cuts.append((start, stop))
        start = stop + len(PAD) if folded.startswith(PAD, stop) else stop
    return cuts or [(0, 0)]
