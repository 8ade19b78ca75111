"""What somebody said, with the words that they show beside it, as one text. Whoever shows words has said them. Pure."""

from __future__ import annotations

SHOWN_CHARS_MAX = 2_000


def heard(text: str, *, alt: str = "", card: str = "") -> str:
    """The text, then the words of its picture and of the page behind its link, each by its name."""
    shown = (("picture", alt), ("link", card))
    return "\n".join((text, *(f"[{name}: {words[:SHOWN_CHARS_MAX]}]" for name, words in shown if words)))
