"""The safety rules about a text's form and what is private in it. One function each: a question in, findings out. Pure.

None may raise on any text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chimera.domain import labels
from chimera.domain.decision import Question
from chimera.governance import graphemes
from chimera.governance.privacy.recognise import BY_NAME, RECOGNISERS, Finder
from chimera.governance.safety import claims, relations
from chimera.governance.safety.finding import Finding, Severity
from chimera.governance.safety.networks import network_of
from chimera.governance.safety.relations import is_public, says_in_public

_HASHTAG = re.compile(r"#\w+")

_PRIVATE = Finder(recogniser for recogniser in RECOGNISERS if recogniser.severity)

Rule = Callable[[Question, str], Iterator[Finding]]


def disclosure(question: Question, text: str) -> Iterator[Finding]:
    """A public text says that an AI wrote it."""
    if says_in_public(question) and (not question.disclosure or question.disclosure not in text):
        yield Finding(
            "disclosure-missing", Severity.HARM, "does not say that an AI wrote it", f"add {question.disclosure!r}"
        )


def length(question: Question, text: str) -> Iterator[Finding]:
    """A text fits its network, counted in what people see as one character. What stands beside it has its own room."""
    if not is_public(question):
        return
    text = str(question.action.arguments.get("text", ""))
    if not text.strip():
        yield Finding("text-empty", Severity.HARM, "has no text", "write something")
    longest = network_of(question.action.platform).graphemes_max
    # A character is one code point at least: what has few enough of those need not be counted.
    if longest is not None and len(text) > longest and (seen := graphemes.count(text)) > longest:
        says = f"has {seen} characters, {longest} are allowed"
        yield Finding("text-too-long", Severity.HARM, says, "shorten it", longest, len(text))


def hashtags(question: Question, text: str) -> Iterator[Finding]:
    """Not a wall of hashtags."""
    found = [match.span() for match in _HASHTAG.finditer(text)] if "#" in text else []
    allowed = network_of(question.action.platform).hashtags_max
    if len(found) > allowed:
        says = f"has {len(found)} hashtags"
        yield Finding("hashtags-many", Severity.CAUTION, says, f"keep {allowed}", found[allowed][0], found[-1][1])


def personal_data(_question: Question, text: str) -> Iterator[Finding]:
    """No address, number or key of anybody. What a recogniser has no severity for (a link, a name) may be said."""
    for found in _PRIVATE.find(text):
        recogniser = BY_NAME[found.type]
        if recogniser.severity:
            says = f"contains what looks like a {recogniser.meaning}"
            yield Finding(f"personal-{found.type}", recogniser.severity, says, "take it out", found.start, found.end)


def secrecy(question: Question, _text: str) -> Iterator[Finding]:
    """What is made from secrets is looked at by a person, whatever is left of them in it."""
    if labels.is_secret(question.labels):
        yield Finding("from-secrets", Severity.CAUTION, "was made from what is labelled secret",
                      "see that nothing of it is told")  # fmt: skip


RULES: tuple[Rule, ...] = (
    disclosure, length, hashtags, personal_data, secrecy, claims.links, claims.unsourced, claims.avoided,
    relations.repetition, relations.kinship,
)  # fmt: skip
