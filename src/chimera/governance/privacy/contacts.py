"""Recognises how a person is reached: e-mail, telephone, network and web addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

# A handle such as @name@host.example is public by its nature and is no e-mail address.
_EMAIL = re.compile(r"(?<![\w@.+%-])[\w.+%'-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,6}[^\W\d_]{2,24}(?![\w@])")
_WEB = re.compile(r"(?:https?://|www\.)[^\s<>\"'“”()\[\]]{3,2000}", re.I)
_WEB_TAIL = ".,;:!?…*_~"
_SCHEMES = ("https", "http")
# The look back stands after the first sign, not before it: so the search skips to the digits.
_IPV4 = re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}(?:\.[0-9]{1,3}){3}(?![\w]|\.[0-9])")
_IPV6 = re.compile(r"[0-9A-Fa-f:](?<![\w:.].)[0-9A-Fa-f:]{1,38}(?![\w:])")
_HEX = frozenset("0123456789abcdefABCDEF:")
_VERSION = re.compile(r"(?:version|ver\.?|release|v)\s*$", re.I)

_INTERNATIONAL = re.compile(
    r"(?<![\w+])(?:\+|00(?=[1-9]))[1-9][0-9]{0,2}[ .\-/]?(?:\(0?[0-9]{0,4}\)[ .\-/]?)?[0-9](?:[ .\-/]?[0-9]){5,12}"
    r"(?!\w)"
)
_AMERICAN = re.compile(
    r"(?<![\w.\-+])(?:1[ .-])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[0-9]{3}[-. ][0-9]{4}"
    r"(?:\s?(?:x|ext\.?)\s?[0-9]{1,5})?(?![\w-]|\.[0-9])",
    re.I,
)
_AMERICAN_LONG = re.compile(r"(?<![\w.\-+])001-[2-9][0-9]{2}-[0-9]{3}-[0-9]{4}(?!\w)")
_TRUNK = re.compile(
    r"[(0](?<![\w.,\-+/:].)(?:(?<=\()0)?[1-9][0-9]{0,4}\)?(?:[ .\-/][0-9]{2,7}){1,4}(?![\w]|[.,\-/:][0-9])"
)
_SAID = re.compile(
    r"(?<![\w.,:+/-])\(?[0-9](?:[ .\-/()]{0,2}[0-9]){5,14}(?:\s?(?:x|ext\.?)\s?[0-9]{1,5})?(?![0-9]|[.,:/-][0-9])", re.I
)
_DATE = re.compile(
    r"(?:1[89]|20)[0-9]{2}[-./ ][01]?[0-9][-./ ][0-3]?[0-9]|[0-3]?[0-9][-./ ][01]?[0-9][-./ ](?:1[89]|20)?[0-9]{2}"
)
IPV4_DIGITS_MIN, IPV4_DOTS = 4, 3
IPV6_COLONS_MIN, IPV6_CHARS_MIN = 2, 6
_SAID_BEFORE_CHARS = 28
_SAID_AFTER_CHARS = 3


def email(reading: Reading) -> Iterator[Found]:
    """E-mail addresses."""
    text = reading.text
    # A mention has nothing before its @.
    if any(start and not text[start - 1].isspace() for start, _ in reading.cues["at"]):
        for match in _EMAIL.finditer(text):
            yield Found("email", match.start(), match.end(), 9_800, "the form of an e-mail address")


def web_address(reading: Reading) -> Iterator[Found]:
    """Addresses of pages. Personal only when they are somebody's."""
    text = reading.text
    for start, end in reading.cues["scheme"]:
        begin = start if text[start] != ":" else start - _scheme_chars(text, start)
        match = _WEB.match(text, begin)
        if match and not (begin and (text[begin - 1].isalnum() or text[begin - 1] in "/@._")):
            stop = begin + len(match[0].rstrip(_WEB_TAIL))
            if stop > end:
                yield Found("web-address", begin, stop, 6_000, "a web address")


def _scheme_chars(text: str, start: int) -> int:
    return next((len(scheme) for scheme in _SCHEMES if text[max(0, start - len(scheme)) : start].lower() == scheme), 0)


def ip_address(reading: Reading) -> Iterator[Found]:
    """IPv4 and IPv6, each as its standard reads it."""
    text = reading.text
    if reading.digits >= IPV4_DIGITS_MIN and text.count(".") >= IPV4_DOTS:
        for match in _IPV4.finditer(text):
            if _is_address(match[0]) and not _VERSION.search(text, max(0, match.start() - 12), match.start()):
                yield Found("ip-address", match.start(), match.end(), 9_000, "four bytes between dots")
    if _has_hex_colons(text, reading.cues.get("colon", ())):
        for match in _IPV6.finditer(text):
            if match[0].count(":") >= IPV6_COLONS_MIN and len(match[0]) >= IPV6_CHARS_MIN and _is_address(match[0]):
                yield Found("ip-address", match.start(), match.end(), 9_500, "the form of an IPv6 address")


def _has_hex_colons(text: str, colons: Sequence[tuple[int, int]]) -> bool:
    between = [start for start, end in colons if text[start - 1 : start] in _HEX or text[end : end + 1] in _HEX]
    return len(between) >= IPV6_COLONS_MIN


def _is_address(written: str) -> bool:
    try:
        ipaddress.ip_address(written)
    except ValueError:
        return False
    return True


def phone(reading: Reading) -> Iterator[Found]:
    """Telephone numbers: the international form, common national forms, and what is said to be one."""
    text = reading.text
    for pattern, digits_min, confidence_bp, why in (
        (_INTERNATIONAL, 8, 9_300, "the international form of a telephone number"),
        (_AMERICAN_LONG, 10, 9_000, "the international form of a telephone number"),
        (_AMERICAN, 10, 8_800, "the North American form of a telephone number"),
        (_TRUNK, 9, 7_500, "a national form of a telephone number"),
    ):
        for match in pattern.finditer(text):
            if digits_min <= _digits(match[0]) <= 15:
                yield Found("phone", match.start(), match.end(), confidence_bp, why)
    if "phone" in reading.cues or "phone-after" in reading.cues:
        yield from _said_to_be_phone(reading)


def _said_to_be_phone(reading: Reading) -> Iterator[Found]:
    for match in _SAID.finditer(reading.text):
        start, end = match.span()
        if _is_called_phone(reading, start, end) and 6 <= _digits(match[0]) <= 15 and not _DATE.match(match[0]):
            yield Found("phone", start, end, 8_000, "digits that are called a telephone number")


def _is_called_phone(reading: Reading, start: int, end: int) -> bool:
    if reading.after("phone-after", end, within=_SAID_AFTER_CHARS):
        return True
    # "Call me before 5 at 12 34 56": the word speaks for the number next to it.
    called = reading.last_before("phone", start, otherwise=-1)
    return called >= 0 and start - called <= _SAID_BEFORE_CHARS and not _digits(reading.text[called:start])


def _digits(written: str) -> int:
    return sum(map(str.isdigit, written))
