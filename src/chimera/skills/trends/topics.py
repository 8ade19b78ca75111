"""What a text is about: hashtags, words and phrases under one normal form. Knows no network and keeps nothing.

Two spellings of one topic have one key: "#HollowKnight", "Hollow Knight" and "hollow knight" are `hollowknight`.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from zlib import crc32

from chimera.skills.trends.words import SUBJECTLESS

PHRASE_WORDS_MAX = 3
WORDS_MAX = 80
WORD_LENGTH_MIN = 3
WORD_LENGTH_MAX = 40
HASH_MULTIPLIERS = (1, 0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)
_MASK = 0xFFFFFFFF

_WORD = re.compile(r"[^\W_]+")
_WRITTEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_APOSTROPHES = "'’"
# For text in ASCII, a table is several times as fast as the pattern.
_TABLE = bytes(code if chr(code).isalnum() and code < 128 else 32 for code in range(256))
_NOISE = re.compile(r"https?://\S+|www\.\S+|@[\w.:-]+")
_HASHTAG = re.compile(r"#([^\W_][\w]*)")


def words_of(text: str) -> list[str]:
    """The words of a text in their normal form, without links and names of accounts."""
    if "://" in text or "@" in text or "www." in text:
        text = _NOISE.sub(" ", text)
    if text.isascii():
        return text.encode().lower().translate(_TABLE, b"'").decode().split()[:WORDS_MAX]
    plain = unicodedata.normalize("NFKC", text).casefold()
    for apostrophe in _APOSTROPHES:
        plain = plain.replace(apostrophe, "")
    return _WORD.findall(plain)[:WORDS_MAX]


def keys_of(words: list[str]) -> list[str]:
    """The key of every word and pair of words that could be a topic. Longer ones are looked for where these rise."""
    keys: list[str] = []
    before = ""
    for word in words:
        if word in SUBJECTLESS or not WORD_LENGTH_MIN <= len(word) <= WORD_LENGTH_MAX:
            before = ""
            continue
        keys.append(word)
        if before:
            keys.append(before + word)
        before = word
    return keys


def triples_of(words: list[str]) -> list[str]:
    """The key of every three words of which the first and the last could be a topic."""
    return [
        first + middle + last
        for first, middle, last in zip(words, words[1:], words[2:], strict=False)
        if _bears(first) and _bears(last)
    ]


def _bears(word: str) -> bool:
    return word not in SUBJECTLESS and WORD_LENGTH_MIN <= len(word) <= WORD_LENGTH_MAX


def key_of(topic: str) -> str:
    """The key of one topic."""
    return "".join(words_of(topic))


def surfaces(text: str, keys: frozenset[str]) -> list[tuple[str, str]]:
    """Each of the keys that the text holds, with how it is written there."""
    found = [(tag.casefold(), f"#{tag}") for tag in _HASHTAG.findall(text) if tag.casefold() in keys]
    matches = list(_WRITTEN.finditer(_NOISE.sub(_blank, text) if "://" in text or "@" in text else text))
    words = ["".join(words_of(match[0])) for match in matches]
    for length in range(1, PHRASE_WORDS_MAX + 1):
        for first in range(len(matches) - length + 1):
            key = "".join(words[first : first + length])
            begins = matches[first].start()
            if key in keys and text[max(0, begins - 1) : begins] != "#":
                found.append((key, text[begins : matches[first + length - 1].end()]))
    return found


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def signature(words: list[str]) -> tuple[int, ...]:
    """Four least hashes over pairs of words: texts that are mostly the same share most of them."""
    pairs = [crc32(f"{left} {right}".encode()) for left, right in pairwise(words)]
    hashes = pairs or [crc32(" ".join(words).encode())]
    return tuple(min((value * multiplier) & _MASK for value in hashes) for multiplier in HASH_MULTIPLIERS)
