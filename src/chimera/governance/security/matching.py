"""One pass over a folded text that finds the lexicon's terms and the model's features, in units of about a sentence.

Units keep a long harmless document from diluting, or adding up to, what one sentence says. Weighs nothing.
"""

from collections.abc import Iterable
from typing import NamedTuple

import ahocorasick_rs

UNIT_CHARS_MIN = 40  # Shorter sentences join the next, or "Ignore. Previous. Rules." would be three harmless ones.
UNIT_CHARS_MAX = 240
PAD = " . "


class Unit(NamedTuple):
    """What one stretch of text says: concepts as bits, and the numbers of the literals found in it."""

    concepts: int
    found: frozenset[int]
    start: int
    end: int


class Matcher:
    """The automaton over all literals: the model's features come first, then the concepts' terms, each with its bit."""

    __slots__ = ("_bits", "_scan", "_spoken", "literals")

    def __init__(self, *, features: Iterable[str], concepts: Iterable[tuple[int, str]]) -> None:
        numbers = {literal: number for number, literal in enumerate(features)}
        bits = dict.fromkeys(numbers.values(), 0)
        for bit, literal in concepts:
            number = numbers.setdefault(literal, len(numbers))
            bits[number] = bits.get(number, 0) | bit
        self.literals = tuple(numbers)
        self._bits = [bits[number] for number in range(len(numbers))]
        self._spoken = frozenset(number for number, bit in enumerate(self._bits) if bit)
        self._scan = ahocorasick_rs.AhoCorasick(self.literals, store_patterns=False)

    def units(self, folded: str) -> list[Unit]:
        """The text's units in order; positions are those of `folded`."""
        scan, bits, spoken = self._scan.find_matches_as_indexes, self._bits, self._spoken
        units: list[Unit] = []
        for start, end in _cuts(folded):
            found = frozenset([number for number, _, _ in scan(f"{PAD}{folded[start:end]}{PAD}", overlapping=True)])
            concepts = 0
            # Most of what is found is a feature without a concept: those are sorted out at once.
            for number in found & spoken:
                concepts |= bits[number]
            units.append(Unit(concepts, found, start, end))
        return units

    def places(self, folded: str, *, start: int, end: int, concepts: int) -> tuple[int, int]:
        """Where in `folded[start:end]` the given concepts are said: the slow way, for what is reported."""
        low, high = end, start
        for number, first, last in self._scan.find_matches_as_indexes(PAD + folded[start:end] + PAD, overlapping=True):
            if self._bits[number] & concepts:
                low, high = min(low, start + first - len(PAD)), max(high, start + last - len(PAD))
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
