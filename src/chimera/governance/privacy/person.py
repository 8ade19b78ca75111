"""One person in what is stored: by which words they are known there, and how they are named where words must not stay.

Pure: reads bodies that it is given, keeps nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any, cast

import msgspec

from chimera.domain.errors import Invalid
from chimera.domain.subjects import AUTHORS
from chimera.governance import texts

HANDLE_CHARS_MIN, HANDLE_CHARS_MAX = 4, 256
TEXT_CHARS_MIN = 12
WORDS_MAX = 5_000
_AUTHOR, _SAID = AUTHORS, ("text", "subject", "title", "post_id", "name", "body")
_HANDLE = re.compile(r"[@\w]*[@.:][@\w.:-]{2,}")


def require_handle(person: str) -> str:
    """The person's handle or address, or `Invalid`: a common word would blank what it should not."""
    handle = person.strip()
    if not HANDLE_CHARS_MIN <= len(handle) <= HANDLE_CHARS_MAX or not any(sign in handle for sign in "@.:"):
        raise Invalid(
            "person_handle", f"{person[:40]!r} is not a handle or an address", where="person",
            remedy="write it as it stands on the network, such as @mila or mila@example.org",
        )  # fmt: skip
    return handle


def name_of(person: str, secret: bytes) -> str:
    """What stands for a person in journals and events: nobody without the secret can try names on it."""
    return hmac.digest(secret, person.casefold().encode(), "sha256").hex()


def words_of(person: str, inputs: Iterable[bytes]) -> tuple[str, ...]:
    """The words that a person left: the handle, and each text that came in under it, as they stand in stored JSON."""
    found = {person: None}
    for body in inputs:
        payload = msgspec.json.decode(body).get("payload", {})
        if isinstance(payload, dict) and _is_by(cast("dict[str, Any]", payload), person):
            found.update(dict.fromkeys(_said(cast("dict[str, Any]", payload))))
    written = {form: None for word in found for form in _written(word)}
    return tuple(sorted(written, key=len, reverse=True)[:WORDS_MAX])


def pattern_of(words: Iterable[str]) -> re.Pattern[str]:
    """Any of the words, as whole words, however they are cased; the same as the database looks for."""
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)", re.IGNORECASE)


def handles_in(text: str) -> Iterator[str]:
    """Whatever in a text could be a handle or an address. The database has the same rule, for what is not sealed."""
    yield from (word.rstrip(".:-") for word in _HANDLE.findall(text))


def authors_of(inputs: Iterable[bytes]) -> Iterator[str]:
    """Everybody who wrote what came in."""
    seen: set[str] = set()
    for body in inputs:
        payload = msgspec.json.decode(body).get("payload", {})
        for name in _AUTHOR if isinstance(payload, dict) else ():
            author = cast("dict[str, Any]", payload).get(name)
            if isinstance(author, str) and author not in seen:
                seen.add(author)
                yield author


def _is_by(payload: dict[str, Any], person: str) -> bool:
    return any(str(payload.get(name, "")).casefold() == person.casefold() for name in _AUTHOR)


def _said(payload: dict[str, Any]) -> Iterator[str]:
    """Each text and its sentences; what is too short to be anybody's own stays, and says nothing about anybody."""
    for name in _SAID:
        for text in texts.texts_of(payload.get(name)):
            for part in (text, *text.replace("!", ".").replace("?", ".").replace("\n", ".").split(".")):
                if len(part.strip()) >= TEXT_CHARS_MIN:
                    yield part.strip()


def _written(word: str) -> Iterator[str]:
    """As JSON writes it in a text, and as it writes a text that is JSON itself (a recorded answer)."""
    once = msgspec.json.encode(word).decode()[1:-1]
    yield once
    yield msgspec.json.encode(once).decode()[1:-1]
