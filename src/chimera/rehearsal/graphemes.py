"""Counts what a reader sees as one character. An approximation of Unicode's rules, good for the text we meet."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_EXTENDING = frozenset({"Mn", "Me", "Mc"})


def count(text: str) -> int:
    """How many graphemes the text has."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    total, joined, flags = 0, False, 0
    for char in text:
        flags = flags + 1 if "\U0001f1e6" <= char <= "\U0001f1ff" else 0
        # Two regional indicators make one flag.
        if not (joined or _extends(char) or (flags and flags % 2 == 0)):
            total += 1
        joined = char == _JOINER
    return total


def _extends(char: str) -> bool:
    return char == _JOINER or unicodedata.category(char) in _EXTENDING or "\U0001f3fb" <= char <= "\U0001f3ff"
