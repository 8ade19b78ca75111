"""Did a stranger's words shape this? Computed from what a lease could read, never believed from a worker. Pure."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.errors import Invalid
from chimera.domain.tools import call_of
from chimera.domain.work import Material
from chimera.governance import texts

ECHO_WORDS = 5
WORDS = "the words "  # How the finding about a copied run of words begins.
TOKEN_LENGTH_MIN = 6
INPUT = "input"  # The material that is the task's own input, as it was admitted.
OWN = "recent"  # The material that holds what the agent itself said lately.
_SPENDING = ("payment.send",)
_BEFRIENDING = ("post.like", "post.follow", "post.repost")
_NOT_A_WORD = re.compile(r"[^\w@.+/:#%&=-]+")
_TITLES = ("title", "filename", "name", "subject")
_IDS = ("id_", "id")
TITLE_LENGTH_MIN = 8
_WHEN = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?)?|\d{2}:\d{2}")


def shaped_by(action: Action, materials: Iterable[Material]) -> tuple[str, ...]:
    """In words, what in the action came from strangers: a link, a handle, a token, a run of words, whom or how much.

    What stays in the house is not shaped for anybody.
    """
    if action.is_internal:
        return ()
    strange: list[str] = []
    own: list[str] = []
    given = tuple(materials)
    for material in given:
        if labels.is_tainted(material.labels):
            (own if material.name == OWN else strange).extend(_texts_in(material, action))
    found: dict[str, None] = {}
    if strange:
        found.update(dict.fromkeys(_shapes(action, "\n".join(strange).lower())))
        if action.kind in _BEFRIENDING and not _is_back_to(action, given):
            found[f"{action.kind} was prompted by a stranger's words"] = None
    if own:
        # Its own wording may come back; a stranger's link, handle or code in it may not, not without a person.
        found.update(dict.fromkeys(_carried(action, "\n".join(own).lower())))
    return tuple(found)


def _texts_in(material: Material, action: Action) -> Iterator[str]:
    """Every text of a material; the arguments of a call that it asks for both as they are written and as they are."""
    yield from texts.texts_of(material.content)
    if action.is_tool_act and isinstance(material.content.get("arguments"), str):
        with contextlib.suppress(Invalid):
            yield from (str(leaf) for leaf in texts.leaves_of(call_of(material.content)))


def _shapes(action: Action, strange: str) -> Iterator[str]:
    if action.kind in _SPENDING:
        yield "a payment was prepared from a stranger's words"
    yield from _carried(action, strange)
    yield from _runs(texts.said_by(action), strange)
    if action.is_tool_act:
        yield from _handed_on(action, strange)


def _is_back_to(action: Action, materials: Iterable[Material]) -> bool:
    """Whether it is a like of the very post that was admitted, as an answer would be: whom, no stranger could choose.

    The task's own input names post and author; to be followed, or to have another post liked, takes a person.
    """
    aimed = (action.arguments.get("post_id"), action.arguments.get("target_account"))
    return action.kind == "post.like" and any(
        (material.content.get("post_id"), material.content.get("author")) == aimed
        for material in materials
        if material.name == INPUT and all(aimed)
    )


def _handed_on(action: Action, strange: str) -> Iterator[str]:
    """What of a call stands in a stranger's words, however short: a tool takes every argument for an order."""
    known = f" {_plain(strange)} "
    for leaf in texts.leaves_of(call_of(action.arguments)):
        if (said := _plain(str(leaf))) and f" {said} " in known:
            yield f"the argument {str(leaf)[:60]!r} stands in a stranger's words"


def _carried(action: Action, strange: str) -> Iterator[str]:
    said = texts.said_by(action)
    yield from _links(said, strange)
    yield from _handles(said, strange, addressee=str(action.arguments.get("target_account", "")))
    yield from _tokens(said, strange)


def untold(arguments: object, told: Iterable[str]) -> tuple[str, ...]:
    """What in the arguments of a call does not stand in the operator's own words: whom, how much, where, which words.

    For a caller who has read a stranger: what cannot be shown to come from the operator counts as the stranger's.
    Yes, no, nothing and a bare date or time are nobody's words.
    """
    known = f" {_plain(' '.join(told))} "
    return tuple(
        f"{path} {str(value)[:60]!r} does not come from the operator"
        for path, value in _leaves(arguments, "")
        if not _stands(value, known)
    )


def named(records: Iterable[Mapping[str, Any]], told: Iterable[str]) -> tuple[str, ...]:
    """The ids of those records that the operator named by their titles, where one record alone has that title.

    Two records under one title name nothing: the second may be there because a stranger read the first one's.
    """
    known = f" {_plain(' '.join(told))} "
    titled: dict[str, set[str]] = {}
    for record in records:
        title = next((record[name] for name in _TITLES if isinstance(record.get(name), str)), "")
        own = next((str(record[name]) for name in _IDS if isinstance(record.get(name), str | int)), "")
        if own and len(title) >= TITLE_LENGTH_MIN:
            titled.setdefault(_plain(title), set()).add(own)
    return tuple(own for title, (own, *more) in titled.items() if not more and f" {title} " in known)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for key, item in cast("dict[str, Any]", value).items():
                yield from _leaves(item, f"{path}.{key}" if path else str(key))
        case list() | tuple():
            for place, item in enumerate(cast("list[Any]", value)):
                yield from _leaves(item, f"{path}[{place}]")
        case _:
            yield path, value


def _stands(value: object, known: str) -> bool:
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str) and _WHEN.fullmatch(value.strip()):
        return True
    said = _plain(f"{value:g}" if isinstance(value, float) else str(value))
    return not said or f" {said} " in known


def _plain(text: str) -> str:
    """Words in lower case with one space between, the signs at their ends taken off."""
    words = (word.strip(".:/#&=-") for word in _NOT_A_WORD.split(text.casefold()))
    return " ".join(word for word in words if word)


def _links(said: str, strange: str) -> Iterator[str]:
    for link in texts.links(said):
        if texts.without_scheme(link).lower() in strange:
            yield f"the link {link[:80]!r} stands in a stranger's words"


def _handles(said: str, strange: str, *, addressee: str) -> Iterator[str]:
    """Whoever is answered may be named; others may not be dragged in by a stranger."""
    for handle in texts.mentions(said):
        if handle.lower() in strange and handle.lstrip("@").lower() != addressee.lstrip("@").lower():
            yield f"the handle {handle[:80]!r} stands in a stranger's words"


def _tokens(said: str, strange: str) -> Iterator[str]:
    """Odd words with digits in them, such as codes and addresses."""
    odd = [
        word
        for word in dict.fromkeys(texts.words(said.lower()))
        if len(word) >= TOKEN_LENGTH_MIN and any(map(str.isdigit, word))
    ]
    known = set(texts.words(strange)) if odd else set[str]()
    for word in odd:
        if word in known:
            yield f"the token {word[:40]!r} was copied from a stranger"


def _runs(said: str, strange: str) -> Iterator[str]:
    copied = texts.shingles(said, size=ECHO_WORDS) & texts.shingles(strange, size=ECHO_WORDS)
    if copied:
        yield f"{WORDS}{' '.join(min(copied))!r} were copied from a stranger"
