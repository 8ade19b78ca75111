"""Counts characters as people see them, which is how networks count. Follows UAX 29 for what posts contain. Pure."""

from __future__ import annotations

import unicodedata

_ZWJ = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def count(text: str) -> int:
    """The number of visible characters: a family emoji is one, an accent belongs to its letter."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    total, flags, previous = 0, 0, ""
    for letter in text:
        flags = flags + 1 if _is_flag(letter) else 0
        if not previous or not _joins(previous, letter, flags=flags):
            total += 1
        previous = letter
    return total


def _joins(previous: str, letter: str, *, flags: int) -> bool:
    if previous in "\r\n" or letter in "\r\n":
        return previous == "\r" and letter == "\n"
    if letter == _ZWJ or unicodedata.category(letter) in _MARKS or _is_extension(letter):
        return True
    if previous == _ZWJ:
        return _is_pictograph(letter)
    return flags % 2 == 0 if flags else _is_hangul_pair(previous, letter)


def _is_flag(letter: str) -> bool:
    return "\U0001f1e6" <= letter <= "\U0001f1ff"


def _is_extension(letter: str) -> bool:
    """Skin tones, and the tags that spell the flags of regions."""
    return "\U0001f3fb" <= letter <= "\U0001f3ff" or "\U000e0020" <= letter <= "\U000e007f" or letter == "\u200c"


def _is_pictograph(letter: str) -> bool:
    return "\U0001f000" <= letter <= "\U0001faff" or "\u2190" <= letter <= "\u2bff" or letter in "©®‼⁉™ℹ〰〽㊗㊙"


def _is_hangul_pair(previous: str, letter: str) -> bool:
    if "\u1160" <= letter <= "\u11a7":
        return "\u1100" <= previous <= "\u11a7" or _is_open_syllable(previous)
    if "\u11a8" <= letter <= "\u11ff":
        return "\u1160" <= previous <= "\u11ff" or "\uac00" <= previous <= "\ud7a3"
    return "\u1100" <= letter <= "\u115f" and "\u1100" <= previous <= "\u115f"


def _is_open_syllable(letter: str) -> bool:
    return "\uac00" <= letter <= "\ud7a3" and (ord(letter) - 0xAC00) % 28 == 0
