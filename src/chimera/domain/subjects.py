"""Whose data a record holds, and which parts of it are theirs. Only those are sealed; the rest stays legible. Pure.

A sealed body is JSON whose first member is `sealed`; in the place of each part stands its blank, which is what is left
when the person's key is destroyed. So an erased record can still be read, counted and settled.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from chimera.domain.action import Action
from chimera.domain.attempt import Attempt
from chimera.domain.campaign import Input
from chimera.domain.grant import Grant
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.task import Task

ERASED = "[erased]"
MARK = b'{"sealed":"'
AUTHORS = ("author", "from", "sender", "author_handle")
_AUTHORS = frozenset(AUTHORS)

_ACTION = ("arguments", "recipient")
_QUESTION = (*(f"action.{name}" for name in _ACTION), "recent", "shaped")
_TASK = ("input", "feedback", "reason")
PARTS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    kind: tuple(tuple(path.split(".")) for path in paths)
    for kind, paths in {
        "input": ("payload",),
        "task": _TASK,
        "attempt": (
            *(f"assignment.task.{name}" for name in _TASK), "assignment.materials", "assignment.memories",
            "assignment.recent",
            "draft.output", *(f"draft.action.{name}" for name in _ACTION), "verdict.findings", "calls", "judge_calls",
            *(f"question.{name}" for name in _QUESTION), "ruling.decision.reasons",
        ),
        "grant": (*(f"action.{name}" for name in _ACTION), "reasons"),
        "review": (*(f"question.{name}" for name in _QUESTION), "reasons", "note"),
    }.items()
}  # fmt: skip


class Split(NamedTuple):
    """A body in two: what stays legible, with blanks in it, and the parts that belong to somebody."""

    clear: bytes
    parts: bytes


class Sealed(NamedTuple):
    """A sealed body, taken apart: whose it is, about which record, the sealed parts, and what stayed legible."""

    name: str
    about: str
    parts: bytes
    clear: bytes


def subject_of(record: Record) -> str:
    """The handle of the person whom a record is about; empty when it is about nobody."""
    tell = _SUBJECTS.get(type(record))
    return tell(record) if tell else ""


def split(kind: str, body: bytes) -> Split:
    """Take a person's parts out of a body."""
    record = msgspec.json.decode(body)
    parts: dict[str, Any] = {}
    for path in PARTS[kind]:
        holder = _holder(record, path)
        if holder is not None and holder.get(path[-1]):
            parts[".".join(path)] = holder[path[-1]]
            holder[path[-1]] = _blank(holder[path[-1]])
    return Split(msgspec.json.encode(record), msgspec.json.encode(parts))


def assembled(clear: bytes, *, name: str, parts: bytes) -> bytes:
    """The body as it is stored."""
    return b'%b%b:%b",%b' % (MARK, name.encode(), base64.b64encode(parts), clear[1:])


def is_sealed(body: bytes) -> bool:
    """Whether somebody's parts are sealed in a body."""
    return body.startswith(MARK)


def taken_apart(body: bytes) -> Sealed:
    """A sealed body, taken apart."""
    end = body.index(b'"', len(MARK))
    name, _, parts = body[len(MARK) : end].partition(b":")
    clear = b"{" + body[end + 2 :]
    about: str = msgspec.json.decode(clear)["id"]
    return Sealed(name.decode(), about, base64.b64decode(parts), clear)


def joined(clear: bytes, parts: bytes) -> bytes:
    """The whole body again, with the person's parts in their places."""
    record = msgspec.json.decode(clear)
    for name, value in msgspec.json.decode(parts).items():
        path = tuple(name.split("."))
        holder = _holder(record, path)
        if holder is not None:
            holder[path[-1]] = value
    return msgspec.json.encode(record)


def _holder(record: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any] | None:
    for name in path[:-1]:
        inner = record.get(name)
        if not isinstance(inner, dict):
            return None
        record = cast("dict[str, Any]", inner)
    return record


def _blank(value: object) -> object:
    match value:
        case str():
            return ERASED
        case list():
            return []
        case dict():
            return {key: _blank(held) for key, held in cast("dict[str, object]", value).items()}
        case _:
            return value


def author_of(payload: Mapping[str, Any]) -> str:
    """Who wrote what came in; empty when nobody is named."""
    if _AUTHORS.isdisjoint(payload):
        return ""
    for name in AUTHORS:
        author = payload.get(name)
        if isinstance(author, str) and author and author != ERASED:
            return author
    return ""


def _target_of(action: Action | None) -> str:
    target = action.arguments.get("target_account") if action else None
    return target if isinstance(target, str) and target != ERASED else ""


def _subject_of_attempt(attempt: Attempt) -> str:
    action = attempt.question.action if attempt.question else attempt.draft.action
    return author_of(attempt.assignment.task.input) or _target_of(action)


# Asked of every row that is written: by its very type, since structs are slow to say of what kind they are not.
_SUBJECTS: Mapping[type[Record], Callable[[Any], str]] = {
    Input: lambda one: author_of(one.payload),
    Task: lambda task: author_of(task.input),
    Attempt: _subject_of_attempt,
    Grant: lambda grant: _target_of(grant.action),
    Review: lambda review: _target_of(review.question.action),
}
