"""What a connector offers: tools with schemas that hold with or without a wire. Pure."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

LIST_MAX = 100


class Tool(Struct, frozen=True, kw_only=True):
    """One tool. `kind` is the kind of action that it performs, "" if it only reads."""

    name: str
    title: str
    description: str
    arguments: dict[str, Any]
    required: tuple[str, ...] = ()
    kind: str = ""
    platform: str = "sandbox"
    is_destructive: bool = False

    @property
    def is_read_only(self) -> bool:
        """Whether nothing changes by it."""
        return not self.kind

    @property
    def schema(self) -> dict[str, Any]:
        """The input schema as clients see it: acts are done as somebody, under a key."""
        asked = {} if self.is_read_only else {"account": HANDLE, "key": KEY}
        return object_of({**asked, **self.arguments}, required=(*asked, *self.required))


def object_of(properties: dict[str, Any], *, required: tuple[str, ...]) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def string_of(description: str, *, longest: int = 256, shortest: int = 1) -> dict[str, Any]:
    """The schema of a text."""
    return {"type": "string", "minLength": shortest, "maxLength": longest, "description": description}


def count_of(description: str) -> dict[str, Any]:
    """The schema of how many to list."""
    return {"type": "integer", "minimum": 1, "maximum": LIST_MAX, "description": description}


HANDLE = string_of("the account, with its @")
KEY = string_of("your idempotency key: the same act under the same key is done once", longest=128)
