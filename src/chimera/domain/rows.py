"""A change as it is stored: rows, movements and event bodies, refused here when no store could hold them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, TypeVar, cast

import msgspec

from chimera.domain import ids
from chimera.domain.budget import Cap, Movement
from chimera.domain.canonical import require_text
from chimera.domain.change import Change
from chimera.domain.errors import Invalid
from chimera.domain.kinds import KINDS, NAMES
from chimera.domain.record import Record
from chimera.domain.task import Task, TaskState

R = TypeVar("R", bound=Record)

BIGINT_MAX = 2**63 - 1
BIGINT_MIN = -BIGINT_MAX
INT_MAX = 2**31 - 1
INT_MIN = -INT_MAX
AMOUNT_MAX = BIGINT_MAX // 4
NAME_LETTERS_MAX = 500
BODY_BYTES_MAX = 16 * 1024 * 1024

_ENCODER = msgspec.json.Encoder()
_DECODERS: dict[type[Record], msgspec.json.Decoder[Record]] = {
    kind: msgspec.json.Decoder(kind) for kind in KINDS.values()
}
# In JSON text a NUL is the escape backslash, u, 0000; an even number of backslashes before the u is a plain "u0000".
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_NUL_HINT = b"\\u0000"
# Most bodies have no escape at all, and are not worth a call.
_BACKSLASH = b"\\"


class Row(NamedTuple):
    """One record in the shape of its table."""

    kind: str
    verb: str
    id: str
    version: int
    state: str
    scope: str | None
    shard: int | None
    due_us: int | None
    rank: int
    body: bytes


class Written(NamedTuple):
    """One change, encoded. `keys` are kind and id of each row. Whoever stores it looks at it first: `require_sound`."""

    rows: tuple[Row, ...]
    keys: frozenset[tuple[str, str]]
    movements: tuple[Movement, ...]
    begins_in: tuple[str, ...]
    events: tuple[bytes, ...]


# As `Row(…)` does, without the Python function between: it runs ten times for every decision.
_new_row = cast("Callable[[type[Row], tuple[Any, ...]], Row]", tuple.__new__)
_key_of: Callable[[Row], tuple[str, str]] = itemgetter(Row._fields.index("kind"), Row._fields.index("id"))
_amounts_of = attrgetter("hold_micros", "release_micros", "metered_micros")


def write(change: Change) -> Written:
    """The change as it is stored, or `Invalid` when it cannot be."""
    try:
        rows = tuple([_row_of(record) for record in change.records])
        events = tuple([event.content for event in change.events])
    except (UnicodeEncodeError, TypeError, OverflowError, ValueError, RecursionError) as error:
        raise _unstorable(str(error)) from error
    for body in events:
        if _BACKSLASH in body or len(body) > BODY_BYTES_MAX:
            _require_body(body, where="event")
    keys = frozenset(map(_key_of, rows))
    assert len(keys) == len(rows), "a change writes each record once"
    return Written(rows, keys, change.movements, change.begins_in, events)


def require_sound(changes: Sequence[Written]) -> None:
    """Refuse ids, names and amounts that no store could hold.

    Nearly always everything is sound: it is looked at together, and one by one only to say what is not.
    """
    identifiers = [row.id for one in changes for row in one.rows]
    scopes = [scope for one in changes for scope in one.begins_in]
    movements = [movement for one in changes for movement in one.movements]
    if not ids.are_ids(identifiers):
        for row in [row for one in changes for row in one.rows]:
            ids.parse(row.id, where=row.kind)
    if not _are_sound(scopes, movements):
        _name_what_is_not_sound(scopes, movements)


def _are_sound(scopes: Iterable[str], movements: Sequence[Movement]) -> bool:
    """Whether all amounts are those of a budget, and all names short and without letters that need a second look."""
    amounts = [0, *chain.from_iterable(map(_amounts_of, movements))]
    names = ["", *scopes, *chain.from_iterable([movement.windows for movement in movements])]
    together = "".join(names)
    return (min(amounts) >= 0 and max(amounts) <= AMOUNT_MAX and together.isascii()
            and "\x00" not in together and max(map(len, names)) <= NAME_LETTERS_MAX)  # fmt: skip


def _name_what_is_not_sound(scopes: Iterable[str], movements: Iterable[Movement]) -> None:
    for movement in movements:
        _require_movement(movement)
    for scope in scopes:
        _require_name(scope, where="begins_in")


def row_of(record: Record) -> Row:
    """The record's row."""
    row = _row_of(record)
    ids.parse(row.id, where=row.kind)
    return row


def _row_of(record: Record) -> Row:
    kind = NAMES.get(type(record))
    if kind is None:
        raise Invalid(
            "kind_unknown",
            f"{type(record).__name__} is not a kind of record",
            remedy="nothing to do: this is a fault of ours",
        )
    identifier, version, rank = record.id, record.version, record.rank
    body, scope, due_us = _ENCODER.encode(record), record.scope, record.due_us
    if scope is not None and len(scope) > NAME_LETTERS_MAX:
        raise _too_long(scope, where=kind)
    if type(record) is Cap:
        _require_cap(record)
    if not (1 <= version <= BIGINT_MAX and BIGINT_MIN <= (due_us or 0) <= BIGINT_MAX and INT_MIN <= rank <= INT_MAX):
        raise Invalid(
            "integer_too_large",
            "version, time or rank is beyond what a row holds",
            where=kind,
            remedy="write it as text",
        )
    if _BACKSLASH in body or len(body) > BODY_BYTES_MAX:
        _require_body(body, where=kind)
    verb = "insert" if version == 1 else "update"
    return _new_row(Row, (kind, verb, identifier, version, record.state_name, scope, record.shard, due_us, rank, body))


def read(kind: type[R], body: bytes | str, *, version: int, state: str, due_us: int | None) -> R:
    """The record of a row. A lease changes a task's columns alone; what was tried follows from how often that was.

    A lease of a ready task begins a try. One of a leased task goes on with it: whoever had it before never answered.
    """
    record = cast("R", _DECODERS[kind].decode(body))
    if record.version == version:
        return record
    assert isinstance(record, Task), "only leases change columns and leave the body"
    begins = record.state is not TaskState.LEASED
    changes: dict[str, Any] = {
        "version": version,
        "state": TaskState(state),
        "due_at_us": due_us,
        "attempt": record.attempt + begins,
        "leases_lost": record.leases_lost + version - record.version - begins,
    }
    return msgspec.structs.replace(record, **changes)


def _require_body(body: bytes, *, where: str) -> None:
    if _NUL_HINT in body and _NUL.search(body):
        raise Invalid("text_has_nul", "a NUL byte stands in the text", where=where, remedy="remove it")
    if len(body) > BODY_BYTES_MAX:
        raise Invalid(
            "body_too_large", f"{len(body)} bytes are more than one record may have", where=where, remedy="send less"
        )


def _require_movement(movement: Movement) -> None:
    for window in movement.windows:
        _require_name(window, where="window")
    held, released, metered = movement.hold_micros, movement.release_micros, movement.metered_micros
    if not (0 <= held <= AMOUNT_MAX and 0 <= released <= AMOUNT_MAX and 0 <= metered <= AMOUNT_MAX):
        raise Invalid(
            "amount_malformed",
            "an amount is negative or beyond every budget",
            where=", ".join(movement.windows),
            remedy="write it as 12.50",
        )


def _require_name(name: str, *, where: str) -> None:
    if len(name) > NAME_LETTERS_MAX:
        raise _too_long(name, where=where)
    if not name.isascii() or "\x00" in name:
        require_text(name, where=where)


def _require_cap(cap: Cap) -> None:
    if not 0 <= cap.micros <= BIGINT_MAX:
        raise Invalid(
            "amount_malformed",
            "a cap is negative or beyond every budget",
            where=cap.key[:NAME_LETTERS_MAX],
            remedy="write it as 12.50",
        )
    _require_name(cap.key, where="cap.key")


def _too_long(name: str, *, where: str) -> Invalid:
    return Invalid("name_too_long", f"{name[:40]}… has {len(name)} letters", where=where, remedy="shorten it")


def _unstorable(why: str) -> Invalid:
    return Invalid(
        "not_storable", f"the change cannot be stored: {why[:200]}", remedy="send well-formed text and numbers"
    )
