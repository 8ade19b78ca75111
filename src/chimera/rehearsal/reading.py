"""How the offline model reads its data: liberally. A missing or odd field is an empty one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, cast

from chimera.rehearsal.orders import Injection, understand

Data: TypeAlias = Mapping[str, Any]

READ_CHARS_MAX = 20_000
# Ours, whatever stands in it; everything else may hold a stranger's words.
_OURS = frozenset({"persona", "specs", "spec", "checks", "feedback", "goal", "platform", "topic"})


def text(data: Data, name: str, default: str = "") -> str:
    """A field as text."""
    value = data.get(name)
    return value if isinstance(value, str) and value else default


def number(data: Data, name: str, default: int = 0) -> int:
    """A field as a whole number."""
    value = data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default


def table(data: Data, name: str) -> dict[str, Any]:
    """A field as an object."""
    value = data.get(name)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def rows(data: Data, name: str) -> tuple[Any, ...]:
    """A field as a list."""
    value = data.get(name)
    return tuple(cast("list[Any]", value)) if isinstance(value, list | tuple) else ()


def tables(data: Data, name: str) -> tuple[dict[str, Any], ...]:
    """The objects in a list."""
    return tuple(cast("dict[str, Any]", row) for row in rows(data, name) if isinstance(row, dict))


def texts(data: Data, name: str) -> tuple[str, ...]:
    """The texts in a list."""
    return tuple(row for row in rows(data, name) if isinstance(row, str))


def flat(data: Data) -> Data:
    """The data with the fields of its `input`, where there is one, as if they stood at the top."""
    return table(data, "input") | dict(data)


def order_in(data: Data) -> Injection | None:
    """The first order that hides in what strangers may have written."""
    strange = "\n".join(piece for name, value in data.items() if name not in _OURS for piece in pieces(value))
    return understand(strange[:READ_CHARS_MAX]) if strange else None


def pieces(value: object) -> Iterator[str]:
    """Every text within a value, however deep."""
    match value:
        case str():
            yield value
        case dict():
            for item in cast("dict[str, object]", value).values():
                yield from pieces(item)
        case list() | tuple():
            for item in cast("list[object]", value):
                yield from pieces(item)
        case _:
            return
