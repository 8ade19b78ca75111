"""The words of a text, as tools are named and as people ask: split, without idle ones, cut down to their stems.

Splits; knows nothing of tools.
"""

from __future__ import annotations

import re
from functools import lru_cache

STEMS_KEPT_MAX = 20_000  # Thousands of tools are described with few words.
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_IDLE_WORDS = (
    "a an the of to in on for with and or is are be was were by from at as it its this that these those my your our i "
    "me we you he she they them what which who whom whose when where why how do does did can could will would should "
    "may might must have has had been not no if then than into about over all any some every each more most so "
    "somebody someone something let give tell please"
)
_IDLE = frozenset(_IDLE_WORDS.split())
# Tools are read before anybody asks; what is asked for afterwards may be any word there is.
SPELLINGS_MAX = 100_000
_SPELLINGS: dict[str, str] = {}  # How a stem was written where it was first met.


def parts(text: str) -> list[str]:
    """Every word, in small letters: `getFileInfo`, `get_file_info` and `get file info` are the same."""
    return [match.casefold() for match in _WORD.findall(text)]


def stems(text: str) -> list[str]:
    """The stems of the words that say something."""
    found = [word for word in parts(text) if word not in _IDLE]
    for word in found:
        if len(_SPELLINGS) < SPELLINGS_MAX:
            _SPELLINGS.setdefault(stem(word), word)
    return [stem(word) for word in found]


def spelt(one: str) -> str:
    """A stem as it was written where it was first met: vectors are of words."""
    return _SPELLINGS.get(one, one)


@lru_cache(maxsize=STEMS_KEPT_MAX)
def stem(word: str) -> str:
    """The word without the ending that its grammar gave it, roughly."""
    for ending, instead in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            word = word[: -len(ending)] + instead
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word
