"""Finds the lexicon's terms and the model's features in a folded text, in one pass over each unit of about a sentence.

Units keep a long harmless document from diluting, or adding up to, what one sentence says. Weighs nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import ahocorasick_rs

from chimera.domain.native import Searcher

UNIT_CHARS_MIN = 40  # Shorter sentences join the next, or "Ignore. Previous. Rules." would be three harmless ones.
UNIT_CHARS_MAX = 240
PAD = " . "


# What one stretch of text says: concepts as bits, the features found in it, and from where to where.
# A plain tuple, for there is one for each sentence that anybody writes to us.
Unit: TypeAlias = tuple[int, frozenset[str], int, int]


class Automata:
    """A searcher with two automata, over the model's features and over the concepts' terms. The reference."""

    __slots__ = ("_bits", "_features", "_terms")

    def __init__(self, *, features: Iterable[str], terms: Mapping[str, int]) -> None:
        self._bits = list(terms.values())
        words = tuple(features)
        assert not any(PAD in word[1:-1] for word in words), "a feature stays within one unit"
        self._features = ahocorasick_rs.AhoCorasick(words, store_patterns=True)
        self._terms = ahocorasick_rs.AhoCorasick(tuple(terms), store_patterns=False)

    def unit(self, padded: str) -> tuple[int, frozenset[str]]:
        concepts = 0
        for number, _, _ in self._terms.find_matches_as_indexes(padded, overlapping=True):
            concepts |= self._bits[number]
        # The features themselves and not where they stand: nothing has to be made for each of them.
        return concepts, frozenset(self._features.find_matches_as_strings(padded, overlapping=True))

    def said(self, padded: str) -> Sequence[tuple[int, int, int]]:
        found = self._terms.find_matches_as_indexes(padded, overlapping=True)
        return [(self._bits[number], first, last) for number, first, last in found]


class Matcher:
    """Runs a searcher once over every unit of a text."""

    __slots__ = ("_searcher",)

    def __init__(self, searcher: Searcher) -> None:
        self._searcher = searcher

    def units(self, folded: str) -> list[Unit]:
        """The text's units in order; positions are those of `folded`."""
        units: list[Unit] = []
        for start, end in _cuts(folded):
            # Every unit stands between sentence ends, and is searched alone: nothing reaches from one into another.
            concepts, features = self._searcher.unit(f"{PAD}{folded[start:end]}{PAD}")
            units.append((concepts, features, start, end))
        return units

    def places(self, folded: str, *, start: int, end: int, wanted: Iterable[int]) -> list[tuple[int, int]]:
        """Where in `folded[start:end]` each of these sets of concepts is said, for what is reported."""
        text = PAD + folded[start:end] + PAD
        shift = start - len(PAD)
        said = [(bits, first + shift, last + shift) for bits, first, last in self._searcher.said(text)]
        return [_place(folded, (start, end), said, concepts) for concepts in wanted]


def bits_of(concepts: Iterable[tuple[int, str]]) -> dict[str, int]:
    """Each term once, with the bits of all concepts that it is a term of."""
    bits: dict[str, int] = {}
    for bit, literal in concepts:
        bits[literal] = bits.get(literal, 0) | bit
    return bits


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
    cuts: list[tuple[int, int]] = []
    length, start, find = len(folded), 0, folded.find
    while length - start > UNIT_CHARS_MIN:
        stop = find(PAD, start + UNIT_CHARS_MIN, start + UNIT_CHARS_MAX)
        if stop >= 0:
            cuts.append((start, stop))
            start = stop + len(PAD)
        elif length - start <= UNIT_CHARS_MAX:
            break
        else:
            stop = folded.rfind(" ", start, start + UNIT_CHARS_MAX)
            stop = stop if stop > start else start + UNIT_CHARS_MAX
            cuts.append((start, stop))
            start = stop + len(PAD) if folded.startswith(PAD, stop) else stop
    if start < length or not length:
        cuts.append((start, length))
    return cuts
