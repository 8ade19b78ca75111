"""What a text rests on something that nobody gave: quotations, and sentences that name an authority. Pure, linear.

Reads words and compares them with those of the sources. What is claimed without naming anybody is not its business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from chimera.governance import texts

QUOTE_WORDS_MIN = 4
LONG_WORD = 4
SHARE_BP_MIN = 5_000
SENTENCES_MAX = 500
_QUOTE = re.compile(r"[\"“„«]([^\"“”„«»\n]{8,1000})[\"”“»]")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SAY = r"(?:shows?|finds?|found|proves?|says?|said|agree|agrees|confirms?|confirmed|suggests?|warns?|warned|reveals?)"
_AUTHORITY = re.compile(
    r"\baccording to (?!my\b|our\b|me\b|us\b)"
    rf"|\b(?:stud(?:y|ies)|research|surveys?|polls?|statistics|science) {_SAY}\b"
    rf"|\b(?:experts|scientists|doctors|researchers|analysts|insiders|officials) {_SAY}\b"
    r"|\bofficial (?:figures|numbers|statistics|sources)\b|\bit (?:has been|is|was) (?:scientifically )?proven\b",
    re.I,
)
# A text with none of these letters in a row names no authority: asked first, because it is nearly always so.
_SIGNS = ("according to", "stud", "research", "survey", "poll", "statistic", "science", "expert", "scientist", "doctor",
          "analyst", "insider", "official", "proven")  # fmt: skip


def unfounded(text: str, sources: Sequence[str]) -> Iterator[str]:
    """The quotations and the sentences for which none of the sources stands up."""
    yield from _quotations(text, sources)
    lowered = text.casefold()
    if any(sign in lowered for sign in _SIGNS):
        yield from _claims(text, sources)


def _quotations(text: str, sources: Sequence[str]) -> Iterator[str]:
    found = [match[1] for match in _QUOTE.finditer(text)]
    rows = [_row(source) for source in sources] if found else []
    for quote in found:
        row = _row(quote)
        if row.count(" ") > QUOTE_WORDS_MIN and not any(row in source for source in rows):
            yield quote


def _claims(text: str, sources: Sequence[str]) -> Iterator[str]:
    given = [_long_words(source) for source in sources]
    for match in list(_SENTENCE.finditer(text))[:SENTENCES_MAX]:
        sentence = match[0].strip()
        if _AUTHORITY.search(sentence) and not _stands(_long_words(sentence), given):
            yield sentence


def _stands(said: frozenset[str], given: Iterable[frozenset[str]]) -> bool:
    return any(len(said & source) * 10_000 >= SHARE_BP_MIN * len(said) for source in given)


def _row(text: str) -> str:
    return f" {' '.join(texts.words(text))} "


def _long_words(text: str) -> frozenset[str]:
    return frozenset(word for word in texts.words(text) if len(word) >= LONG_WORD)
