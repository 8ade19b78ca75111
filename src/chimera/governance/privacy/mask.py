"""Takes personal data out of a text and leaves its meaning: typed placeholders, one person one placeholder."""

from __future__ import annotations

import re
from collections.abc import Sequence

from chimera.governance.privacy.found import Found
from chimera.governance.privacy.recognise import BY_NAME, TEXT_CHARS_MAX, find

ROUNDS_MAX = 8
# Placeholders may be longer than what they stand for, and all of the masked text must still be read.
REDACT_CHARS_MAX = TEXT_CHARS_MAX // 8
UNREAD = " [the rest was not read]"
_ENDING_CHARS = 4
_NUMBERED = re.compile(r"\[[a-z -]+ ([0-9]{1,6})\]")
_WITH_ENDING = frozenset({"card", "iban"})


def mask(text: str, found: Sequence[Found]) -> str:
    """The text with each finding replaced. The same value gets the same placeholder within a text."""
    parts: list[str] = []
    placeholders = Placeholders(text)
    end = 0
    for one in sorted(found, key=lambda f: f.start):
        if one.start >= end:
            parts += (text[end : one.start], placeholders.of(one.type, text[one.start : one.end]))
            end = one.end
    return "".join([*parts, text[end:]])


def redact(text: str) -> str:
    """Masks until nothing is found any more: taking one thing out may show another. Twice is the same as once.

    What is beyond the limit is left out, and that is said: a text is never masked by half.
    """
    if len(text) > REDACT_CHARS_MAX:
        text = text[: REDACT_CHARS_MAX - len(UNREAD)] + UNREAD
    for _ in range(ROUNDS_MAX):
        found = find(text)
        if not found:
            return text
        text = mask(text, found)
    return text


class Placeholders:
    """Which placeholder stands for which value in one text."""

    def __init__(self, text: str) -> None:
        self._known: dict[str, dict[str, str]] = {}
        # Numbers that the text brings along from an earlier masking are taken.
        self._taken = max((int(number) for number in _NUMBERED.findall(text)), default=0)

    def of(self, kind: str, value: str) -> str:
        """The placeholder of one value."""
        if kind in _WITH_ENDING:
            signs = "".join(sign for sign in value if sign.isalnum())
            return f"[{_word(kind)} ending {signs[-_ENDING_CHARS:]}]"
        known = self._known.setdefault(kind, {})
        key = _same(known, value) if kind == "person" else value.casefold()
        if key not in known:
            known[key] = f"[{_word(kind)} {self._taken + len(known) + 1}]"
        return known[key]


def _word(kind: str) -> str:
    return {"iban": "account", "ip-address": "IP address"}.get(kind, kind if kind in BY_NAME else "data").replace(
        "-", " "
    )


def _same(known: dict[str, str], name: str) -> str:
    """The person already named whose name holds this one, or is held by it: Maria is Maria Silva."""
    parts = set(name.casefold().split())
    for earlier in known:
        if parts <= set(earlier.split()) or set(earlier.split()) <= parts:
            return earlier
    return " ".join(name.casefold().split())
