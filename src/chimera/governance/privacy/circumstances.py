"""Recognises what is personal because of the words before it: birth dates, postal codes, plates, documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

_MONTH = (
    r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|ene|abr|ago|dic|gen|mag|giu|lug|set|ott|fév|fev|avr"
    r"|juin|juil|août|déc|mär)[a-zéèûä]{0,7}\.?"
)
_DATE = (
    r"(?:(?:1[89]|20)[0-9]{2}[-./][0-9]{1,2}[-./][0-9]{1,2}|[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:[0-9]{4}|[0-9]{2})"
    rf"|[0-9]{{1,2}}(?:st|nd|rd|th|\.|er|º)?(?: of| de)? {_MONTH},?(?: de)? (?:1[89]|20)[0-9]{{2}}"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:1[89]|20)[0-9]{{2}})"
)
# What may stand between the name of a thing and the thing.
_LEAD = r"(?:[\s:#=.\"'–-]|\b(?:code|number|no|nr|num|is|was|ist|war|est|es|on|am|the|le|el|il|em|in)\b){0,8}"
_FORMS: dict[str, tuple[re.Pattern[str], int, str]] = {
    "date-of-birth": (re.compile(rf"{_LEAD}({_DATE})(?![0-9])", re.I), 9_000, "a date that is called a birthday"),
    "postal-code": (
        re.compile(
            _LEAD + r"([A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"
            r"|(?:[A-Z]{1,2}-)?[0-9]{3,6}(?:[ -][0-9]{2,4})?)(?!\w)", re.I),
        8_500, "called a postal code",
    ),
    "vehicle-plate": (
        re.compile(_LEAD + r"((?=[A-ZÄÖÜ0-9 -]{0,10}[0-9])[A-ZÄÖÜ0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4}){1,3})(?!\w)"),
        8_000, "called a number plate",
    ),
    "driving-licence": (
        re.compile(_LEAD + r"((?=[A-Z0-9-]{0,24}[0-9])[A-Z0-9][A-Z0-9-]{4,24})(?!\w)", re.I),
        8_500, "called a driving licence",
    ),
    "passport": (
        re.compile(_LEAD + r"((?=[A-Z0-9]{0,9}[0-9])[A-Z0-9]{6,10})(?!\w)", re.I), 8_500, "called a passport",
    ),
}  # fmt: skip


def seeker(name: str) -> Callable[[Reading], Iterator[Found]]:
    """The search for what follows the words of this name."""
    form, confidence_bp, why = _FORMS[name]

    def seek(reading: Reading) -> Iterator[Found]:
        for _, end in reading.cues.get(name, ()):
            match = form.match(reading.text, end)
            if match:
                yield Found(name, match.start(1), match.end(1), confidence_bp, why)

    return seek
