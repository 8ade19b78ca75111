"""How long X counts a text: links are 23 whatever they are, and most letters outside Latin count twice. Pure."""

from __future__ import annotations

import re

WEIGHT_MAX = 280
LINK_WEIGHT = 23
_LINK = re.compile(r"https?://[^\s]+")
# What counts once, as the network publishes it; everything else counts twice.
_ONCE = ((0, 4_351), (8_192, 8_205), (8_208, 8_223), (8_242, 8_247))


def weight(text: str) -> int:
    """What a text weighs there, at most `WEIGHT_MAX`."""
    words = _LINK.sub("", text)
    links = len(_LINK.findall(text))
    return links * LINK_WEIGHT + sum(1 if _counts_once(ord(letter)) else 2 for letter in words)


def _counts_once(letter: int) -> bool:
    return any(first <= letter <= last for first, last in _ONCE)
