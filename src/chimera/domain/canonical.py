"""One way to write a value as bytes, so that hashes mean something. Integers and strings only: no floats, ASCII keys.

Byte-equal to RFC 8785 for what it accepts; a property test keeps it so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import cast

import msgspec

from chimera.domain.errors import Invalid

INTEGER_MAX = 2**53 - 1
DEPTH_MAX = 32
_ENCODER = msgspec.json.Encoder(order="sorted")


def encode(value: object) -> bytes:
    """The canonical bytes of a plain value or of a struct whose fields are plain."""
    return _ENCODER.encode(value)


def sha256_hex(data: bytes) -> str:
    """The SHA-256 of bytes, in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def hash_of(value: object) -> str:
    """The hash of a value's canonical bytes."""
    return sha256_hex(encode(value))


def require_plain(value: object, *, where: str = "value", depth: int = 0) -> None:
    """Refuse what has no single spelling: floats, huge integers, lone surrogates, NUL, keys beyond ASCII."""
    if not _is_plain(value, DEPTH_MAX - depth):
        _name_what_is_not_plain(value, where=where, depth=depth)


def _is_plain(value: object, deeper: int) -> bool:
    """Quick, for what nearly always is. When in doubt no: the slow way says what is wrong, if anything."""
    kind = type(value)
    if kind is str:
        return _is_storable(cast("str", value))
    if kind is dict:
        items = cast("dict[object, object]", value).items()
        return deeper > 0 and all(_is_key(key) and _is_plain(item, deeper - 1) for key, item in items)
    if kind is list or kind is tuple:
        return deeper > 0 and all(_is_plain(item, deeper - 1) for item in cast("Sequence[object]", value))
    if kind is int:
        return -INTEGER_MAX <= cast("int", value) <= INTEGER_MAX
    return value is None or kind is bool


def _is_key(key: object) -> bool:
    return type(key) is str and key.isascii() and "\x00" not in key


def _is_storable(text: str) -> bool:
    return text.isascii() and "\x00" not in text


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
