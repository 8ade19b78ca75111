"""How the offline model judges a draft: it sees most of what is wrong, and not all. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from chimera.rehearsal import reading, truth
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.reading import Data

SEEN_BP = 9_500
# A text that shares most of its words with an example of what not to write is plainer than that.
BREACH_SEEN_BP = 9_800
LIKE_BP = 8_000
# Longer than a network takes.
LONG_CHARS = 320
_WORD = re.compile(r"\w{3,}")
_ODD = re.compile(r"\b[A-Z]{3,}-[0-9A-F]{4,}\b|https?://|\b0x[0-9a-fA-F]{8,}\b")
_CLAIM = re.compile(r"stud(y|ies) show|percent of|survey|official figures", re.IGNORECASE)
_PERSONAL = re.compile(r"[\w.]+@[\w.]+\.\w+|\+\d{2} ?\d{3}|lives at \d+", re.IGNORECASE)
_HOT = re.compile(r"\b(election|senator|party that|vote for|savings|shares of|guaranteed to)\b", re.IGNORECASE)


def judge(data: Data, dice: Dice) -> dict[str, Any]:
    """An opinion: accepted or not, how sure, and what to mend."""
    output = reading.table(data, "output")
    found = [finding for sees, finding in _SIGHTS if sees(output) and dice.chance(SEEN_BP)]
    found += [breach for breach in _breaches(data, _said(output)) if dice.chance(BREACH_SEEN_BP)]
    if found:
        return {"accepted": False, "confidence_bp": dice.between(9_000, 9_900), "findings": found}
    # Heated subjects are no fault of the text: they are for a person to decide.
    if _HOT.search(_said(output)):
        return {"accepted": True, "confidence_bp": dice.between(5_000, 6_900), "findings": []}
    return {"accepted": True, "confidence_bp": _confidence_bp(dice), "findings": []}


def compare(data: Data) -> dict[str, Any]:
    """Which of two texts has less in it that is wrong; of two that are alike the first, whichever that is."""
    texts = [reading.text(data, name) for name in ("first", "second")]
    faults = [sum(sees({"text": text}) for sees, _ in _SIGHTS) + (len(text) > LONG_CHARS) for text in texts]
    return {"better": "second" if faults[1] < faults[0] else "first"}


def _breaches(data: Data, text: str) -> list[str]:
    """The rules of a constitution whose bad examples the text is like: it shares most of their words."""
    said = set(_WORD.findall(text.casefold()))
    return [
        f"{reading.text(rule, 'id')}: it reads like a text that breaks this rule"
        for rule in reading.tables(data, "rules")
        if reading.text(rule, "severity") != "prefer"
        and any(_is_like(said, example) for example in reading.texts(rule, "bad"))
    ]


def _is_like(said: set[str], example: str) -> bool:
    words = set(_WORD.findall(example.casefold()))
    return len(words & said) * 10_000 >= LIKE_BP * len(words)


def _confidence_bp(dice: Dice) -> int:
    return dice.between(7_000, 8_900) if dice.chance(300) else dice.between(9_050, 9_900)


def _said(output: Data) -> str:
    return reading.text(output, "text")


def _insults(output: Data) -> bool:
    return truth.is_insult(_said(output))


def _odd(output: Data) -> bool:
    return bool(_ODD.search(_said(output)))


def _unfounded(output: Data) -> bool:
    return bool(_CLAIM.search(_said(output))) and not reading.rows(output, "sources")


def _personal(output: Data) -> bool:
    return bool(_PERSONAL.search(_said(output)))


def _undisclosed(output: Data) -> bool:
    return "disclosure" in output and not reading.text(output, "disclosure")


_SIGHTS: tuple[tuple[Callable[[Data], bool], str], ...] = (
    (_insults, "the text insults somebody"),
    (_odd, "the text holds a link, a code or an address that nobody asked for"),
    (_unfounded, "the text claims a fact without a source"),
    (_personal, "the text holds personal data"),
    (_undisclosed, "the text does not say that an AI speaks"),
)
