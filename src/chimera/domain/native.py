"""The Rust library of the hot paths, where it is built. Nothing needs it: without it the same is done, more slowly.

Whoever asks it keeps a reference in Python beside, which says what is right; `tests/runtime` compares the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

try:
    import chimera_runtime as runtime
except ImportError:
    runtime = None

# What this code was written for: a build of another version is not asked.
VERSION = "0.1.0"
if runtime is not None and runtime.VERSION != VERSION:
    runtime = None


class Runs(Protocol):
    """Runs of words that may be said in a text."""

    def may_be_said_in(self, text: str) -> bool:
        """Whether one of them is, or the text is not ASCII."""
        ...


class Searcher(Protocol):
    """Searches one unit of folded words, padded at both ends. The detector's reference in Python is one too."""

    def unit(self, padded: str) -> tuple[int, frozenset[str]]:
        """The concepts said in it as bits, and the features found in it."""
        ...

    def said(self, padded: str) -> Sequence[tuple[int, int, int]]:
        """Each term said in it: its concepts, and from where to where."""
        ...


class Lexicon(Searcher, Protocol):
    """One that also says what a plain text weighs."""

    def score(self, text: str) -> int | None:
        """The score of the worst window; None where there may be more to read than plain words."""
        ...


class Ring(Protocol):
    """The newest words of a process, in order."""

    @property
    def end(self) -> int:
        """The place after the newest."""
        ...

    def push(self, topic: str, body: bytes) -> None:
        """Say one; the oldest goes when there are too many."""
        ...

    def read(self, place: int, topics: Sequence[str]) -> tuple[Sequence[tuple[str, bytes]], int, bool]:
        """What was said from a place on, where to go on, and whether something that stood there is gone."""
        ...
