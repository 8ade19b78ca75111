"""One way to write a value as bytes, so that hashes mean something. Integers and strings only: no floats, ASCII keys.

Byte-equal to RFC 8785 for what it accepts; a property test keeps it so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from chimera.domain.errors import Invalid

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 32
_ENCODER = msgspec.json.Encoder(order="sorted")
_SCALARS = frozenset({int, bool, type(None)})


def encode(value: object) -> bytes:
    """The canonical bytes of a plain value or of a struct whose fields are plain."""
    return _ENCODER.encode(value)


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of bytes, in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def hash_of(value: object) -> str:
    """The hash of a value's canonical bytes."""
    return sha256_hex(encode(value))


def shortened(content: dict[str, Any], *, bytes_max: int) -> dict[str, Any]:
    """The content as it is, or that it was too long and how it begins."""
    encoded = encode(content)
    if len(encoded) <= bytes_max:
        return content
    kept = encoded[:bytes_max].decode("utf-8", "ignore")
    return {"notice": f"shortened: {len(encoded)} bytes, {bytes_max} are kept", "text": kept}


def require_plain(value: object, *, where: str = "value", depth: int = 0) -> None:
    """Refuse what has no single spelling: floats, huge integers, lone surrogates, NUL, keys beyond ASCII."""
    if not _is_plain(value, DEPTH_MAX - depth):
        _name_what_is_not_plain(value, where=where, depth=depth)


def _is_plain(value: object, deeper: int) -> bool:
    """Quick, for what nearly always is. When in doubt no: the slow way says what is wrong, if anything.

    Goes down level by level, and looks at all texts and keys together.
    """
    level: list[Any] = [value]
    words: list[str] = []
    for _ in range(deeper + 1):
        below: list[Any] = []
        for item in level:
            kind = item.__class__
            if kind is str:
                words.append(item)
            elif kind is dict:
                words += item
                below += item.values()
            elif kind is list or kind is tuple:
                below += item
            elif kind not in _SCALARS or (kind is int and not -INTEGER_MAX <= item <= INTEGER_MAX):
                return False
        if not below:
            return _are_storable(words)
        level = below
    return False


def _are_storable(words: Sequence[str]) -> bool:
    try:
        together = "".join(words)
    except TypeError:
        return False
    return together.isascii() and "\x00" not in together


def _name_what_is_not_plain(value: object, *, where: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Invalid("value_too_deep", f"nested deeper than {DEPTH_MAX} levels", where=where, remedy="flatten it")
    match value:
        case list() | tuple():
            for index, item in enumerate(cast("Sequence[object]", value)):
                _name_what_is_not_plain(item, where=f"{where}[{index}]", depth=depth + 1)
        case dict():
            for key, item in cast("dict[object, object]", value).items():
                _require_key(key, where=where)
                _name_what_is_not_plain(item, where=f"{where}.{key}", depth=depth + 1)
        case _:
            _require_scalar(value, where=where)


def _require_scalar(value: object, *, where: str) -> None:
    match value:
        case None | bool():
            return
        case int():
            _require_integer(value, where=where)
        case str():
            require_text(value, where=where)
        case _:
            raise Invalid(
                "value_not_plain",
                f"{type(value).__name__} cannot be recorded",
                where=where,
                remedy="use text, whole numbers, lists and objects",
            )


def _require_integer(value: int, *, where: str) -> None:
    if abs(value) > INTEGER_MAX:
        raise Invalid("integer_too_large", "the number has no exact JSON form", where=where, remedy="write it as text")


def require_reason(text: str, *, where: str) -> None:
    """Somebody's reason for the record: text, and not nothing."""
    require_text(text, where=where)
    if not text.strip():
        raise Invalid("reason_missing", "this goes on record with a reason", where=where, remedy="say why")


def require_text(value: str, *, where: str = "text") -> None:
    """Refuse text that PostgreSQL or another reader would read differently."""
    if "\x00" in value:
        raise Invalid("text_has_nul", "a NUL byte stands in the text", where=where, remedy="remove it")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Invalid(
            "text_lone_surrogate",
            f"half a character stands at {error.start}",
            where=where,
            remedy="send well-formed UTF-8",
        ) from error


def _require_key(key: object, *, where: str) -> None:
    if not isinstance(key, str) or not key.isascii():
        raise Invalid("key_not_ascii", f"the key {key!r} is not ASCII text", where=where, remedy="rename it")
    require_text(key, where=where)
