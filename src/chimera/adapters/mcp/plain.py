"""Makes what a server returned recordable: fractions become text, odd keys and characters are spelt out. Pure."""

from __future__ import annotations

from typing import Any, cast

from chimera.domain.canonical import DEPTH_MAX, INTEGER_MAX


def plain(value: object, *, depth: int = 0) -> Any:  # noqa: ANN401 — plain values have no common type.
    """The value with nothing in it that has no single spelling."""
    if depth >= DEPTH_MAX:
        return "…"
    match value:
        case None | bool():
            return value
        case int():
            return value if abs(value) <= INTEGER_MAX else str(value)
        case str():
            return _text(value)
        case list() | tuple():
            return [plain(item, depth=depth + 1) for item in cast("list[object]", value)]
        case dict():
            entries = cast("dict[object, object]", value).items()
            return {_key(key): plain(item, depth=depth + 1) for key, item in entries}
        case _:
            return _text(str(value))


def _text(value: str) -> str:
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def _key(key: object) -> str:
    return str(key).encode("ascii", "backslashreplace").decode().replace("\x00", "\\x00")
