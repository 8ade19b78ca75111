"""What is wrong with a model's answer beyond its form: refusals, leaks; and how often, per model. Pure.

May name what is wrong and count it; never mends an answer.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import ahocorasick_rs

from chimera.domain.errors import Invalid
from chimera.domain.native import Runs, runtime
from chimera.governance.privacy.reading import signs_of
from chimera.governance.privacy.recognise import RECOGNISERS, Finder

LEAK_WORDS = 8
LEAK_STEP = 4
PROMPTS_MAX = 256
SHORT_CHARS_MAX = 80
SHORT_ANSWERS_MAX = 4_096
_CREDENTIALS = frozenset({"api-key", "private-key", "jwt", "url-credentials"})
_SECRETS = Finder(recogniser for recogniser in RECOGNISERS if recogniser.name in _CREDENTIALS)
# One of these stands in every answer in ASCII that refuses.
_REFUSING = ("sorry", "i cannot", "i can't", "i cant", "i won't", "i wont", "as an ai", "i am unable")
_TELLING = frozenset(cue for recogniser in RECOGNISERS if recogniser.name in _CREDENTIALS for cue in recogniser.cues)
_SIGNS = None if runtime is None else runtime.Signs((*_REFUSING, *signs_of(_TELLING)))
_WORDS = re.compile(r"\w+(?:'\w+)?")
_REFUSAL = re.compile(
    r"(?:\A|:\s*\")\s*(?:i['\u2019]?m (?:very |really )?sorry,? (?:but )?(?:i|as an)"
    r"|i (?:cannot|can['\u2019]?t|won['\u2019]?t) (?:assist|help|comply|fulfil|continue|create|provide|generate)"
    r"|as an ai (?:language )?model|i am unable to (?:assist|help))",
    re.I,
)


class Wrong(StrEnum):
    """Why an answer was not taken."""

    MALFORMED = "malformed"
    REFUSES = "refuses"
    LEAKS_PROMPT = "leaks-prompt"
    LEAKS_SECRET = "leaks-secret"  # noqa: S105 – a name.
    LEAKS_PERSONA = "leaks-persona"
    UNGROUNDED = "ungrounded"
    LOOPS = "loops"


def wrong_with(answer: str, *, instructions: str) -> Wrong | None:
    """The first thing that is wrong, if any."""
    if len(answer) <= SHORT_CHARS_MAX:
        return _wrong_with_short(answer, instructions)
    return _wrong_with(answer, instructions)


def _wrong_with(answer: str, instructions: str) -> Wrong | None:
    return None if _is_surely_sound(answer, instructions) else what_is_wrong(answer, instructions)


def _is_surely_sound(answer: str, instructions: str) -> bool:
    """Whether nothing is in it that would have to be looked at; nearly always so, and quickly said."""
    if _SIGNS is None or not answer.isascii() or _SIGNS.may_be_in(answer):
        return False
    told = _told(instructions)
    return told is None or not told.may_be_said_in(answer)


def what_is_wrong(answer: str, instructions: str) -> Wrong | None:
    """The same for every answer: what is right."""
    if _REFUSAL.search(answer):
        return Wrong.REFUSES
    if _SECRETS.find(answer):
        return Wrong.LEAKS_SECRET
    return Wrong.LEAKS_PROMPT if _repeats(answer, instructions) else None


# A judge says the same few words again and again.
_wrong_with_short = lru_cache(maxsize=SHORT_ANSWERS_MAX)(_wrong_with)


def require_sound(answer: str, *, instructions: str) -> None:
    """Refuse an answer that refuses, or that repeats what it was told or what nobody may know."""
    wrong = wrong_with(answer, instructions=instructions)
    if wrong is Wrong.REFUSES:
        raise Invalid(
            "answer_refuses", "the model declined to answer", where="answer", remedy="the task is tried again by itself"
        )
    if wrong is not None:
        raise Invalid("answer_leaks", f"the answer {wrong}", where="answer", remedy="the task is tried again by itself")


def wrong_of(error: Invalid) -> Wrong:
    """What an error of reading an answer counts as."""
    if error.code == "answer_refuses":
        return Wrong.REFUSES
    if error.code == "answer_leaks":
        return Wrong.LEAKS_SECRET if Wrong.LEAKS_SECRET in error.message else Wrong.LEAKS_PROMPT
    return Wrong.MALFORMED


class Tally:
    """How many answers each model gave, and how many of them were wrong in which way."""

    def __init__(self) -> None:
        self._answers: Counter[str] = Counter()
        self._wrong: Counter[tuple[str, Wrong]] = Counter()

    def note(self, model: str, wrong: Wrong | None = None) -> None:
        """Count one answer."""
        self._answers[model] += 1
        if wrong is not None:
            self._wrong[model, wrong] += 1

    def blame(self, model: str, wrong: Wrong) -> None:
        """An answer that was counted and taken turned out wrong when its draft was judged."""
        self._wrong[model, wrong] += 1

    def rates(self) -> Mapping[str, Mapping[str, int]]:
        """Per model: its answers, and in basis points how many were wrong in each way."""
        return {
            model: {"answers": total, **{str(wrong): self._wrong[model, wrong] * 10_000 // total for wrong in Wrong}}
            for model, total in sorted(self._answers.items())
        }


def _repeats(answer: str, instructions: str) -> bool:
    found = _runs(instructions)
    return found is not None and bool(found.find_matches_as_indexes(f" {' '.join(_WORDS.findall(answer.casefold()))} "))


@lru_cache(maxsize=PROMPTS_MAX)
def _runs(instructions: str) -> ahocorasick_rs.AhoCorasick | None:
    runs = _runs_of(instructions)
    return ahocorasick_rs.AhoCorasick(runs) if runs else None


@lru_cache(maxsize=PROMPTS_MAX)
def _told(instructions: str) -> Runs | None:
    runs = _runs_of(instructions)
    return runtime.Runs(runs) if runs and runtime is not None else None


def _runs_of(instructions: str) -> list[str]:
    """Runs of the prompt's words; every longer run of them holds one."""
    row = _WORDS.findall(instructions.casefold())
    return [
        f" {' '.join(row[place : place + LEAK_WORDS])} " for place in range(0, len(row) - LEAK_WORDS + 1, LEAK_STEP)
    ]
