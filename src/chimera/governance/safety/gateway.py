"""What every public output passes: brand safety, privacy, disclosure, platform rules, kinship. May not decide."""

from __future__ import annotations

import codecs
from typing import Any, Literal, cast

import ahocorasick_rs
from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.decision import Question
from chimera.governance import texts
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.relations import media
from chimera.governance.safety.rules import RULES
from chimera.governance.security.normalise import fold

_DISGUISES = frozenset("013457@$|+*_")


class Lexeme(Struct, frozen=True, forbid_unknown_fields=True):
    """A family of words with what they mean for us. `rot13`: the file need not show what nobody wants to read."""

    severity: Severity
    says: str
    suggestion: str
    words: tuple[str, ...]
    written: Literal["plain", "rot13"] = "plain"

    @property
    def terms(self) -> tuple[str, ...]:
        """The words as they are said."""
        return self.words if self.written == "plain" else tuple(codecs.decode(word, "rot13") for word in self.words)


class SafetyGateway:
    """One pass of the lexicon, then the rules. Pure: which media were verified stands in the question."""

    def __init__(self, lexicon: dict[str, Lexeme]) -> None:
        self._families = [(rule, lexeme) for rule, lexeme in lexicon.items() for _ in lexeme.words]
        self._automaton = ahocorasick_rs.AhoCorasick(
            [term for lexeme in lexicon.values() for term in lexeme.terms],
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
        )

    def inspect(self, question: Question) -> tuple[Finding, ...]:
        """Everything that the rules find in the words of an action. Internal actions are not public."""
        if question.action.is_internal:
            return ()
        text = _said(question.action)
        if not text.isascii():
            # Half a character is none, and no automaton reads it; each is one sign either way, so spans stay right.
            text = text.encode("utf-8", "replace").decode()
        found = [finding for rule in RULES for finding in rule(question, text)]
        # What is missing, or too much as a whole, is missing in all of it.
        return tuple(
            one if one.end else replace(one, end=len(text)) for one in (*self._spoken(text), *found, *media(question))
        )

    def _spoken(self, text: str) -> list[Finding]:
        lowered = text.lower()
        hits = self._automaton.find_matches_as_indexes(lowered)
        found = [self._finding(pattern, start, end) for pattern, start, end in hits if _is_whole(lowered, start, end)]
        return found or self._disguised(text)

    def _disguised(self, text: str) -> list[Finding]:
        """Harm that is written with look-alike letters, digits or signs within words; the whole text is its span."""
        if text.isascii() and _DISGUISES.isdisjoint(text):
            return []
        folded = fold(text.translate(_UNDISGUISE))
        hits = self._automaton.find_matches_as_indexes(folded)
        found = {self._families[pattern] for pattern, start, end in hits if _is_whole(folded, start, end)}
        return [
            Finding(rule, lexeme.severity, lexeme.says, lexeme.suggestion, 0, len(text))
            for rule, lexeme in self._families
            if lexeme.severity is Severity.HARM and (rule, lexeme) in found
        ][:1]

    def _finding(self, pattern: int, start: int, end: int) -> Finding:
        rule, lexeme = self._families[pattern]
        return Finding(rule, lexeme.severity, lexeme.says, lexeme.suggestion, start, end)


_UNDISGUISE = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", "$": "s", "|": "i",
                             "+": "t", "*": None, "_": None})  # fmt: skip


def _said(action: Action) -> str:
    """The text, and what the public will read beside it: descriptions of media, subjects, titles."""
    text = texts.said_by(action)
    arguments = action.arguments
    if len(arguments) <= 1:
        return text
    beside = [str(arguments[name]) for name in ("title", "subject", "summary") if isinstance(arguments.get(name), str)]
    shown = arguments.get("media")
    for item in cast("list[Any]", shown) if isinstance(shown, list | tuple) else ():
        alt = cast("dict[str, Any]", item).get("alt") if isinstance(item, dict) else None
        if isinstance(alt, str):
            beside.append(alt)
    return "\n".join((text, *beside)) if beside else text


def _is_whole(text: str, start: int, end: int) -> bool:
    """Words stand alone: a lexicon that trips over Scunthorpe is switched off within a day."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not after.isalnum()


def severity_of(findings: tuple[Finding, ...]) -> str:
    """The worst severity as policy reads it: `clean`, `caution` or `harm`."""
    if any(finding.severity is Severity.HARM for finding in findings):
        return "harm"
    return "caution" if findings else "clean"
