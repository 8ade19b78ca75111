"""Recognises what opens doors: keys, tokens, passwords, addresses with a password in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chimera.governance.privacy.found import Found
from chimera.governance.privacy.reading import Reading

_KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}"
    r"|xox[abeprs]-[A-Za-z0-9-]{10,250}|sk-[A-Za-z0-9_-]{20,250}|(?:sk|pk|rk)_(?:live_|test_)?[A-Za-z0-9]{16,250}"
    r"|AIza[0-9A-Za-z_-]{35}|glpat-[\w-]{20,64}|npm_[A-Za-z0-9]{36}|hf_[A-Za-z0-9]{30,64}|pypi-[\w-]{50,250}"
    r"|SG\.[\w-]{16,32}\.[\w-]{16,64}|dop_v1_[0-9a-f]{64})(?![A-Za-z0-9])"
)
_PEM = re.compile(
    r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----(?:[\s\S]{0,8192}?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY-----)?"
)
_JWT = re.compile(r"(?<![\w-])eyJ[A-Za-z0-9_-]{5,4096}\.eyJ[A-Za-z0-9_-]{5,8192}\.[A-Za-z0-9_-]{0,4096}")
_USER_AND_PASSWORD = re.compile(r"[^\s/@:]{0,128}:[^\s/@]{1,256}@[^\s/@:\"'<>]{1,253}(?::[0-9]{1,5})?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}$")
_SCHEME_CHARS_MAX = 21
_SAID = re.compile(r"(?:\s+is)?\s{0,3}[:=]?\s{0,3}[\"'`]?([^\s\"'`,;\[\]<>]{8,128})")
_GLUE = re.compile(r"\s*(?:is\s|[:=])", re.I)


def api_key(reading: Reading) -> Iterator[Found]:
    """Keys that say by their prefix whose they are."""
    for match in _KEY.finditer(reading.text):
        yield Found("api-key", match.start(), match.end(), 9_700, "begins like the keys of a known service")


def private_key(reading: Reading) -> Iterator[Found]:
    """PEM blocks of private keys."""
    for match in _PEM.finditer(reading.text):
        yield Found("private-key", match.start(), match.end(), 9_900, "a PEM block of a private key")


def token(reading: Reading) -> Iterator[Found]:
    """JSON web tokens."""
    for match in _JWT.finditer(reading.text):
        yield Found("jwt", match.start(), match.end(), 9_800, "two JSON objects in base64 and a signature")


def url_credentials(reading: Reading) -> Iterator[Found]:
    """Addresses that carry a name and a password."""
    text = reading.text
    for start, end in reading.cues.get("scheme", ()):
        match = _USER_AND_PASSWORD.match(text, end) if text[start] == ":" else None
        scheme = _SCHEME.search(text[max(0, start - _SCHEME_CHARS_MAX) : start]) if match else None
        if match and scheme:
            yield Found(
                "url-credentials", start - len(scheme[0]), match.end(), 9_850, "an address with a password in it"
            )


def password(reading: Reading) -> Iterator[Found]:
    """What is called a password or a secret, and is no word."""
    for _, end in reading.cues.get("password", ()):
        match = _SAID.match(reading.text, end) if _GLUE.match(reading.text, end) else None
        if match and _is_mixed(match[1]):
            yield Found("password", match.start(1), match.end(1), 8_000, "called a password or a secret")


def _is_mixed(word: str) -> bool:
    return any(map(str.isdigit, word)) and any(map(str.isalpha, word))
