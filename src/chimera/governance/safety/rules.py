"""The safety rules, one function each: a question in, findings out. Pure; none may raise on any text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chimera.domain.decision import Question
from chimera.governance.privacy.recognise import BY_NAME, RECOGNISERS, Finder
from chimera.governance.safety.finding import Finding, Severity

GRAPHEMES_MAX = {"sandbox": 300}
HASHTAGS_MAX = 3
SIMILARITY_MAX = 0.8
_PUBLIC_KINDS = ("post.publish", "post.reply", "post.quote")
_PEER_KINDS = ("post.reply", "post.like", "post.quote", "post.follow")

_HASHTAG = re.compile(r"#\w+")
_WORD = re.compile(r"\w+")

_PRIVATE = Finder(recogniser for recogniser in RECOGNISERS if recogniser.severity)

Rule = Callable[[Question, str], Iterator[Finding]]


def is_public(question: Question) -> bool:
    """Whether the action puts words before the public."""
    return question.action.kind in _PUBLIC_KINDS


def disclosure(question: Question, text: str) -> Iterator[Finding]:
    """A public text says that an AI wrote it."""
    if is_public(question) and (not question.disclosure or question.disclosure not in text):
        yield Finding(
            "disclosure-missing", Severity.HARM, "does not say that an AI wrote it", f"add {question.disclosure!r}"
        )


def length(question: Question, text: str) -> Iterator[Finding]:
    """A text fits its network."""
    longest = GRAPHEMES_MAX.get(question.action.platform)
    if is_public(question) and not text.strip():
        yield Finding("text-empty", Severity.HARM, "has no text", "write something")
    if longest is not None and len(text) > longest:
        yield Finding(
            "text-too-long",
            Severity.HARM,
            f"has {len(text)} characters, {longest} are allowed",
            "shorten it",
            longest,
            len(text),
        )


def hashtags(_question: Question, text: str) -> Iterator[Finding]:
    """Not a wall of hashtags."""
    found = _HASHTAG.findall(text) if "#" in text else []
    if len(found) > HASHTAGS_MAX:
        yield Finding("hashtags-many", Severity.CAUTION, f"has {len(found)} hashtags", f"keep {HASHTAGS_MAX}")


def personal_data(_question: Question, text: str) -> Iterator[Finding]:
    """No address, number or key of anybody. What a recogniser has no severity for (a link, a name) may be said."""
    for found in _PRIVATE.find(text):
        recogniser = BY_NAME[found.type]
        if recogniser.severity:
            says = f"contains what looks like a {recogniser.meaning}"
            yield Finding(f"personal-{found.type}", recogniser.severity, says, "take it out", found.start, found.end)


def repetition(question: Question, text: str) -> Iterator[Finding]:
    """Not what was said a moment ago."""
    words = _words(text)
    if is_public(question) and any(_similarity(words, _words(earlier)) > SIMILARITY_MAX for earlier in question.recent):
        yield Finding("nearly-repeats", Severity.HARM, "nearly repeats an earlier post", "say something new")


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))


def _similarity(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / max(1, len(left | right))


def kinship(question: Question, _text: str) -> Iterator[Finding]:
    """Personas of one fleet do not pose as strangers to each other."""
    target = str(question.action.arguments.get("target_account", ""))
    if question.action.kind in _PEER_KINDS and target and target in question.kin:
        yield Finding("kinship", Severity.HARM, f"{target} belongs to the same fleet", "leave kin alone")


RULES: tuple[Rule, ...] = (disclosure, length, hashtags, personal_data, repetition, kinship)
