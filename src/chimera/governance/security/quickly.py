"""A first look at a text, in Rust where that is built: what it weighs if it hides nothing. Explains nothing.

Of a text that may hide something, and of one that is not ASCII, it says nothing: that is read as always.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chimera.domain.native import Lexicon, runtime
from chimera.governance.security.garble import GARBLE_CHARS_MAX
from chimera.governance.security.look_ins import LONG_TOKEN_CHARS, TEXT_CHARS_MAX
from chimera.governance.security.matching import UNIT_CHARS_MAX, UNIT_CHARS_MIN
from chimera.governance.security.normalise import FOLD_BYTES, SPACED_LETTERS_MIN, TRIGGER_SIGNS

CONCEPTS_MAX = 64


class Limits(msgspec.Struct, frozen=True):
    """Those of reading in Python, so that they are the same."""

    text_chars_max: int = TEXT_CHARS_MAX
    garble_chars_max: int = GARBLE_CHARS_MAX
    long_token_chars: int = LONG_TOKEN_CHARS
    spaced_letters_min: int = SPACED_LETTERS_MIN
    unit_chars_min: int = UNIT_CHARS_MIN
    unit_chars_max: int = UNIT_CHARS_MAX


class Learnt(msgspec.Struct, frozen=True):
    """What the model has learnt, in lists. A concept's place is its bit."""

    terms: Sequence[tuple[str, int]]
    features: Sequence[tuple[str, int]]
    concepts: Sequence[tuple[int, Sequence[tuple[int, int]]]]
    bias: int


def quick_lexicon(
    *, terms: Mapping[str, int], features: Mapping[str, int],
    concepts: Sequence[tuple[int, Sequence[tuple[int, int]]]], bias: int,
) -> Lexicon | None:  # fmt: skip
    """The searcher in Rust; None where that is not built, or there are more concepts than it has bits."""
    if runtime is None or len(concepts) > CONCEPTS_MAX:
        return None
    learnt = Learnt(terms=list(terms.items()), features=list(features.items()), concepts=concepts, bias=bias)
    return runtime.Lexicon(learnt, TRIGGER_SIGNS, FOLD_BYTES, Limits())
