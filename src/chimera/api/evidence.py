"""What speaks for and against a held action: the rules that fired, and which of its words stand in strangers' words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from chimera.domain.attempt import Attempt
from chimera.domain.labels import is_tainted
from chimera.domain.review import Review
from chimera.domain.work import Material
from chimera.governance import texts

SPAN_WORDS_MIN = 3
SPANS_MAX = 50
SOURCES_MAX = 20
SOURCE_WORDS_MAX = 20_000
_WORD = re.compile(r"\w+(?:['’]\w+)?")
_REASON = re.compile(r"^(?P<text>.*) \[(?P<rule>[^\[\]]+)\]$", re.S)


class FiredRule(Struct, frozen=True, kw_only=True):
    """A rule that fired, in words."""

    rule: str
    text: str


class Span(Struct, frozen=True, kw_only=True):
    """A run of words of the action's text that stands in a source too: from letter to letter, by code points."""

    start: int
    end: int
    source: str
    labels: tuple[str, ...]
    tainted: bool


def rules_of(review: Review) -> tuple[FiredRule, ...]:
    """The reasons of a review, each with the rule that gave it."""
    return tuple(map(_rule, review.reasons))


def sources_of(attempt: Attempt | None) -> tuple[Material, ...]:
    """Everything that the attempt could read."""
    if attempt is None:
        return ()
    task = attempt.assignment.task
    own = Material(name="input", content=task.input, labels=task.labels)
    return (*attempt.assignment.materials[:SOURCES_MAX], own)


def spans_of(review: Review, sources: tuple[Material, ...]) -> tuple[Span, ...]:
    """The runs of words that came from somewhere: strangers' words first, the longest first."""
    text = str(review.question.action.arguments.get("text", ""))
    found = [span for source in sources for span in _runs(text, source)]
    found.sort(key=lambda span: (not span.tainted, span.start - span.end, span.start))
    return tuple(found[:SPANS_MAX])


def _rule(reason: str) -> FiredRule:
    match = _REASON.match(reason)
    return FiredRule(rule=match["rule"], text=match["text"]) if match else FiredRule(rule="", text=reason)


def _runs(text: str, source: Material) -> Iterator[Span]:
    """The longest runs of at least so many words that the source holds as well."""
    places = list(_WORD.finditer(text))
    said = [place.group().casefold() for place in places]
    known = _shingles(source)
    first = 0
    while first + SPAN_WORDS_MIN <= len(said):
        last = first + SPAN_WORDS_MIN
        if tuple(said[first:last]) not in known:
            first += 1
            continue
        while last < len(said) and tuple(said[last - SPAN_WORDS_MIN + 1 : last + 1]) in known:
            last += 1
        yield Span(start=places[first].start(), end=places[last - 1].end(), source=source.name,
                   labels=source.labels, tainted=is_tainted(source.labels))  # fmt: skip
        first = last


def _shingles(source: Material) -> frozenset[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for text in texts.texts_of(source.content):
        words = [match.group().casefold() for match in islice(_WORD.finditer(text), SOURCE_WORDS_MAX)]
        found.update(tuple(words[at : at + SPAN_WORDS_MIN]) for at in range(len(words) - SPAN_WORDS_MIN + 1))
    return frozenset(found)
