"""Did a stranger's words shape this? Computed from what a lease could read, never believed from a worker. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.work import Material
from chimera.governance import texts

ECHO_WORDS = 5
TOKEN_LENGTH_MIN = 6
_SPENDING = ("payment.send",)
_BEFRIENDING = ("post.like",)


def shaped_by(action: Action, materials: Iterable[Material]) -> tuple[str, ...]:
    """In words, what in the action came from strangers: a link, a handle, a token, a run of words, whom or how much.

    What stays in the house is not shaped for anybody.
    """
    if action.is_internal:
        return ()
    strange = [
        text
        for material in materials
        if labels.is_tainted(material.labels)
        for text in texts.texts_of(material.content)
    ]
    return tuple(_shapes(action, "\n".join(strange).lower())) if strange else ()


def _shapes(action: Action, strange: str) -> Iterator[str]:
    if action.kind in _SPENDING:
        yield "a payment was prepared from a stranger's words"
    if action.kind in _BEFRIENDING:
        yield f"{action.kind} was prompted by a stranger's words"
    said = str(action.arguments.get("text", ""))
    yield from _links(said, strange)
    yield from _handles(said, strange, addressee=str(action.arguments.get("target_account", "")))
    yield from _tokens(said, strange)
    yield from _runs(said, strange)


def _links(said: str, strange: str) -> Iterator[str]:
    for link in texts.links(said):
        if texts.without_scheme(link).lower() in strange:
            yield f"the link {link[:80]} stands in a stranger's words"


def _handles(said: str, strange: str, *, addressee: str) -> Iterator[str]:
    """Whoever is answered may be named; others may not be dragged in by a stranger."""
    for handle in texts.mentions(said):
        if handle.lower() in strange and handle.lstrip("@").lower() != addressee.lstrip("@").lower():
            yield f"the handle {handle[:80]} stands in a stranger's words"


def _tokens(said: str, strange: str) -> Iterator[str]:
    """Odd words with digits in them, such as codes and addresses."""
    known = set(texts.words(strange))
    for word in dict.fromkeys(texts.words(said.lower())):
        if len(word) >= TOKEN_LENGTH_MIN and word in known and any(map(str.isdigit, word)):
            yield f"the token {word[:40]} was copied from a stranger"


def _runs(said: str, strange: str) -> Iterator[str]:
    copied = texts.shingles(said, size=ECHO_WORDS) & texts.shingles(strange, size=ECHO_WORDS)
    if copied:
        yield f"the words {' '.join(min(copied))!r} were copied from a stranger"
