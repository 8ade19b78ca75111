"""Recognises people and places by the words around them and by short lists of frequent ones. A guess, told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

_PART = r"[^\W\d_][^\W\d_'’-]*(?:['’-][^\W\d_]+)*"
_GAP = r"[ \t]"
_NEXT = re.compile(
    rf"{_GAP}(?:[^\W\d_]\.{_GAP})?((?:(?:van|von|de|da|di|del|la|le|bin|al|der|den|dos)\b{_GAP}){{0,2}}{_PART})"
)
_WORD = re.compile(_PART)
_LEAD = re.compile(r"(?:[ \t:.=\"']|is\b|ist\b|est\b|es\b){0,4}")
NAME_PARTS_MAX = 4


def person(reading: Reading) -> Iterator[Found]:
    """People: after a title or "my name is", or a frequent given name with what follows in capitals."""
    text = reading.text
    titles = {start for start, _ in reading.cues.get("title", ())}
    for cue, confidence_bp, why in (
        ("introduction", 8_500, "introduced as a name"),
        ("title", 8_000, "follows a form of address"),
    ):
        for _, end in reading.cues.get(cue, ()):
            lead = _LEAD.match(text, end)
            span = _name(text, lead.end() if lead else end)
            # "Dear Mrs. Weber": the second title speaks for the name.
            if span and span[0] not in titles:
                yield Found("person", *span, confidence_bp, why)
    for start, end in reading.cues.get("given", ()):
        span = _name(text, start)
        if span and text[start:end] != text[start:end].upper():
            yield Found("person", *span, 6_500 if span[1] > end else 5_500, "a frequent given name")


def place(reading: Reading) -> Iterator[Found]:
    """Places: a frequent city or country in capitals, or a name in capitals after "live in" and the like."""
    text = reading.text
    for start, end in reading.cues.get("place", ()):
        if text[start].isupper():
            yield Found("place", start, end, 6_000, "a frequent city or country")
    for _, end in reading.cues.get("dwelling", ()):
        lead = _LEAD.match(text, end)
        span = _name(text, lead.end() if lead else end)
        if span:
            yield Found("place", *span, 6_500, "where somebody lives, comes from or goes")


def _name(text: str, start: int) -> tuple[int, int] | None:
    """As many words with a capital as follow one another; the first begins at `start`."""
    first = _WORD.match(text, start)
    if not first or not first[0][0].isupper() or len(first[0]) < 2:
        return None
    end = first.end()
    for _ in range(NAME_PARTS_MAX - 1):
        following = _NEXT.match(text, end)
        if not following or not following[1].split()[-1][0].isupper():
            break
        end = following.end()
    return start, end
