"""What to do with what somebody said to us: answer, like, ignore, escalate or block. By rules alone: no model decides.

A model could be talked out of calling for help. Where need and anything else are both there, need comes first.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from chimera.skills.community import phrases


class Decision(StrEnum):
    """What is done."""

    ANSWER = "answer"
    LIKE = "like"
    IGNORE = "ignore"
    ESCALATE = "escalate"
    BLOCK = "block"


class Triage(Struct, frozen=True, kw_only=True):
    """A decision and why. `is_crisis`: somebody may be in danger. `is_opt_out`: they want no more from us, ever."""

    decision: Decision
    reason: str
    is_crisis: bool = False
    is_opt_out: bool = False


TEXT_LENGTH_MAX = 10_000
WORDS_BETWEEN = r"(?: \w+){0,3} "
_LEET = str.maketrans("013457@$", "oieastas")
_BETWEEN_LETTERS = re.compile(r"(?<=[a-z])[.*_-](?=[a-z])")
_NOT_WORDS = re.compile(r"[^a-z0-9?]+")
_HANDLE = re.compile(r"@[\w.:-]+")
_LINK = re.compile(r"https?://|www\.|\b\w+\.(?:example|com|net|org|io|xyz|ru)\b")


def normal(text: str) -> str:
    """Lower case, without accents, apostrophes and handles; words one space apart."""
    plain = unicodedata.normalize("NFKD", _HANDLE.sub(" ", text[:TEXT_LENGTH_MAX])).casefold()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = plain.replace("'", "").replace("’", "").replace("?", " ? ")
    return " ".join(_NOT_WORDS.sub(" ", plain).split())


def _disguised(text: str) -> str:
    """The same with digits for letters read as letters, and dots within words taken out."""
    return normal(_BETWEEN_LETTERS.sub("", _HANDLE.sub(" ", text[:TEXT_LENGTH_MAX]).casefold().translate(_LEET)))


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(word.replace(" * ", WORDS_BETWEEN) for word in words) + r")\b")


_CRISIS, _OPT_OUT, _ESCALATE = _pattern(phrases.CRISIS), _pattern(phrases.OPT_OUT), _pattern(phrases.ESCALATE)
_BLOCK, _LIKE, _ASK, _QUARREL = map(_pattern, (phrases.BLOCK, phrases.LIKE, phrases.ASK, phrases.QUARREL))


def triage(text: str) -> Triage:
    """What to do with it. Danger first, then the wish to be left alone, then what only a person may settle."""
    said = normal(text)
    if found := _CRISIS.search(said) or _CRISIS.search(_disguised(text)):
        return Triage(decision=Decision.ESCALATE, reason=f"somebody may be in danger: {found[0]!r}", is_crisis=True)
    if found := _OPT_OUT.search(said):
        return Triage(decision=Decision.IGNORE, reason=f"wants no answer: {found[0]!r}", is_opt_out=True)
    if found := _BLOCK.search(said):
        return Triage(decision=Decision.BLOCK, reason=f"abuse or advertising: {found[0]!r}")
    if found := _ESCALATE.search(said):
        return Triage(decision=Decision.ESCALATE, reason=f"for a person to settle: {found[0]!r}")
    return _everyday(text, said)


def _everyday(text: str, said: str) -> Triage:
    if _LINK.search(text.casefold()) and "?" not in said:
        return Triage(decision=Decision.IGNORE, reason="a link without a question")
    if found := _QUARREL.search(said):
        return Triage(decision=Decision.IGNORE, reason=f"looks for a quarrel: {found[0]!r}")
    if "?" in said.split():
        return Triage(decision=Decision.ANSWER, reason="a question")
    if found := _LIKE.search(said):
        return Triage(decision=Decision.LIKE, reason=f"a kind word: {found[0]!r}")
    if found := _ASK.search(said):
        return Triage(decision=Decision.ANSWER, reason=f"asks for something: {found[0]!r}")
    return Triage(decision=Decision.IGNORE, reason="nothing that asks for an answer")
