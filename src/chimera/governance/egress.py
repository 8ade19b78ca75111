"""Reading is a way out, too: whom a read call names, and what its arguments would carry there. Pure; decides nothing.

A host that is read from learns every argument. So hosts are on the fleet's list or were named by the operator, and
nothing that is secret stands in query strings, host names or paths, plain or encoded.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator

from chimera.governance import texts
from chimera.governance.privacy.recognise import BY_NAME, RECOGNISERS, Finder
from chimera.governance.safety.finding import Severity

ARGUMENT_CHARS_MAX = 8_192
SECRET_WORD_MIN = 6
LABEL_CHARS_MAX = 40
ENCODED_MIN = 12
RUN_WORDS = 4  # So many words of a secret in a row are part of it, even if each is an ordinary word.
_SEPARATORS = re.compile(r"[_+=&/?.-]+")
_SECRETS = Finder(recogniser for recogniser in RECOGNISERS if recogniser.severity is Severity.HARM)
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)?(?://)?([^/?#\s]*)", re.I)
_PORT = re.compile(r":\d{1,5}$")
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_WORD = re.compile(r"[\w@.+-]+")


class Egress:
    """The fleet's allow-list of hosts: `example.org` allows itself and every name below it."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._hosts = frozenset(host.casefold().strip().strip(".") for host in hosts if host.strip("."))

    def allows(self, host: str) -> bool:
        """Whether the list has a host, or a name above it."""
        parts = host.casefold().strip(".").split(".")
        return any(".".join(parts[place:]) in self._hosts for place in range(len(parts)))

    def findings(self, arguments: object, *, told: Iterable[str] = (), secrets: Iterable[str] = ()) -> tuple[str, ...]:
        """In words, why this read may not be made. `told` is what the operator wrote, `secrets` what may not leave."""
        given = tuple(texts.texts_of(arguments))
        known = {_host(link) for text in told for link in texts.links(text)}
        return tuple(dict.fromkeys((*self._hosts_of(given, known), *_carried(given, tuple(secrets)))))

    def _hosts_of(self, given: Iterable[str], known: set[str]) -> Iterator[str]:
        for text in given:
            if len(text) > ARGUMENT_CHARS_MAX:
                yield f"an argument has {len(text)} characters, {ARGUMENT_CHARS_MAX} are allowed"
            for link in texts.links(text[:ARGUMENT_CHARS_MAX]):
                host = _host(link)
                if host not in known and not self.allows(host):
                    yield f"the host {host[:80]} is not on the list"
                elif max(map(len, host.split("."))) > LABEL_CHARS_MAX:
                    yield f"the host {host[:80]} has a name that could carry data"


def _host(link: str) -> str:
    found = _HOST.match(link)
    authority = (found[1] if found else link).rpartition("@")[2]
    return _PORT.sub("", authority).casefold().strip(".")


def _carried(given: tuple[str, ...], secrets: tuple[str, ...]) -> Iterator[str]:
    """Secrets in what is given, however they are written there."""
    forbidden = {word.strip(".-+").casefold() for text in secrets for word in _WORD.findall(text)}
    forbidden = {word for word in forbidden if len(word) >= SECRET_WORD_MIN and not word.isalpha()} | {
        text.casefold().strip() for text in secrets if len(text.strip()) >= SECRET_WORD_MIN
    }
    runs = frozenset(run for text in secrets for run in texts.shingles(text, size=RUN_WORDS) if len(run) == RUN_WORDS)
    for text in given:
        for reading in _readings(text[:ARGUMENT_CHARS_MAX]):
            folded = reading.casefold()
            if runs and not runs.isdisjoint(texts.shingles(_SEPARATORS.sub(" ", reading), size=RUN_WORDS)):
                yield "an argument carries what is labelled secret"
            bare = re.sub(r"[\W_]", "", folded)
            if any(word in folded or re.sub(r"[\W_]", "", word) in bare for word in forbidden):
                yield "an argument carries what is labelled secret"
            for found in _SECRETS.find(reading):
                yield f"an argument carries what looks like a {BY_NAME[found.type].meaning}"


def _readings(text: str) -> Iterator[str]:
    """The text, without its percent signs, and what its long words decode to."""
    yield text
    plain = _PERCENT.sub(_unquoted, text)
    if plain != text:
        yield plain
    for word in _ENCODED.findall(plain)[:32]:
        # A slash is a sign of base64 and of paths: both readings are tried.
        for part in dict.fromkeys((word, *word.split("/"))):
            if len(part) >= ENCODED_MIN and (decoded := _decoded(part)):
                yield decoded
    for word in _HEX.findall(plain)[:32]:
        yield bytes.fromhex(word).decode("utf-8", "replace")


def _unquoted(run: re.Match[str]) -> str:
    return bytes.fromhex(run[0].replace("%", "")).decode("utf-8", "replace")


def _decoded(word: str) -> str:
    body = word.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4)).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
