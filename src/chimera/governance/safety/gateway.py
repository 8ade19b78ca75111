"""What every public output passes: brand safety, privacy, disclosure, platform rules, kinship. May not decide."""

from __future__ import annotations

import ahocorasick_rs
from msgspec import Struct

from chimera.domain.decision import Question
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.rules import RULES


class Lexeme(Struct, frozen=True, forbid_unknown_fields=True):
    """A family of words with what they mean for us."""

    severity: Severity
    says: str
    suggestion: str
    words: tuple[str, ...]


class SafetyGateway:
    """One pass of the lexicon, then the rules."""

    def __init__(self, lexicon: dict[str, Lexeme]) -> None:
        self._families = [(rule, lexeme) for rule, lexeme in lexicon.items() for _ in lexeme.words]
        words = [word for lexeme in lexicon.values() for word in lexeme.words]
        self._automaton = ahocorasick_rs.AhoCorasick(words)

    def inspect(self, question: Question) -> tuple[Finding, ...]:
        """Everything that the rules find in the text of an action. Internal actions are not public."""
        if question.action.is_internal:
            return ()
        text = str(question.action.arguments.get("text", ""))
        found = [finding for rule in RULES for finding in rule(question, text)]
        return (*self._spoken(text), *found)

    def _spoken(self, text: str) -> list[Finding]:
        lowered = text.lower()
        hits = self._automaton.find_matches_as_indexes(lowered)
        return [self._finding(pattern, start, end) for pattern, start, end in hits if _is_whole(lowered, start, end)]

    def _finding(self, pattern: int, start: int, end: int) -> Finding:
        rule, lexeme = self._families[pattern]
        return Finding(rule, lexeme.severity, lexeme.says, lexeme.suggestion, start, end)


def _is_whole(text: str, start: int, end: int) -> bool:
    """Words stand alone: a lexicon that trips over Scunthorpe is switched off within a day."""
    before, after = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not after.isalnum()


def severity_of(findings: tuple[Finding, ...]) -> str:
    """The worst severity as policy reads it: `clean`, `caution` or `harm`."""
    if any(finding.severity is Severity.HARM for finding in findings):
        return "harm"
    return "caution" if findings else "clean"
