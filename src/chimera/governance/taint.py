"""Did a stranger's words shape this? Computed from what a lease could read, never believed from a worker. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.work import Material

ECHO_WORDS = 5
TOKEN_LENGTH_MIN = 6
_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"']+|(?<![\w@.])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|net|org|io|xyz|top|example|test|link)\b[^\s]*",
                   re.IGNORECASE)
_HANDLE = re.compile(r"@[\w.-]+")
_WORD = re.compile(r"[\w'-]+")
_SPENDING = ("payment.send",)
_BEFRIENDING = ("post.follow", "post.like")


def shaped_by(action: Action, materials: Iterable[Material]) -> tuple[str, ...]:
    """In words, what in the action came from strangers: a link, a handle, a token, a run of words, whom or how much."""
    texts = [text for material in materials if labels.is_tainted(material.labels) for text in _texts(material.content)]
    if not texts:
        return ()
    return tuple(_shapes(action, "\n".join(texts)))


def _shapes(action: Action, strange: str) -> Iterable[str]:
    if action.kind in _SPENDING:
        yield "a payment was prepared from a stranger's words"
    if action.kind in _BEFRIENDING:
        yield f"{action.kind} was prompted by a stranger's words"
    said = str(action.arguments.get("text", ""))
    lowered = strange.lower()
    yield from (f"the link {link[:80]} stands in a stranger's words" for link in _LINK.findall(said)
                if link.lower() in lowered)
    addressee = str(action.arguments.get("target_account", "")).lstrip("@").lower()
    yield from (f"the handle {handle} stands in a stranger's words" for handle in _HANDLE.findall(said)
                if handle.lower() in lowered and handle.lstrip("@").lower() != addressee)
    yield from _echoes(said.lower(), lowered)


def _echoes(said: str, strange: str) -> Iterable[str]:
    """Odd tokens (digits in them, like codes) and runs of words that were copied."""
    said_words, strange_words = _WORD.findall(said), _WORD.findall(strange)
    known = set(strange_words)
    yield from (f"the token {word[:40]} was copied from a stranger" for word in dict.fromkeys(said_words)
                if len(word) >= TOKEN_LENGTH_MIN and word in known and any(map(str.isdigit, word)))
    runs = {tuple(strange_words[i : i + ECHO_WORDS]) for i in range(len(strange_words) - ECHO_WORDS + 1)}
    for i in range(len(said_words) - ECHO_WORDS + 1):
        if tuple(said_words[i : i + ECHO_WORDS]) in runs:
            yield f"the words {' '.join(said_words[i : i + ECHO_WORDS])!r} were copied from a stranger"
            return


def _texts(content: Mapping[str, Any] | list[Any] | str) -> Iterable[str]:
    """Every text within a value, however deep."""
    match content:
        case str():
            yield content
        case dict():
            for value in content.values():
                yield from _texts(value)
        case list() | tuple():
            for value in content:
                yield from _texts(value)
        case _:
            return
