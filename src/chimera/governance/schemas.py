"""JSON Schema as compiled validators, and what they object to in words that a person can act on. Fetches nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, cast

import jsonschema_rs
from msgspec import Struct

from chimera.domain.errors import Invalid
from chimera.domain.faults import Path, dotted, shown

PATTERN_BYTES_MAX = 1_000_000
PROBLEMS_MAX = 50
# Linear time: a pattern from a package cannot be made to backtrack.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES_MAX)
_KINDS = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "nothing",
}


class Problem(Struct, frozen=True):
    """What a schema objects to: where, what, and how to mend it."""

    path: Path
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{dotted(self.path)}: " if self.path else ""
        return place + self.reason + (f" ({self.remedy})" if self.remedy else "")


class Schema:
    """A compiled JSON Schema (draft 2020-12)."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = dict(schema)
        try:
            self._validator = jsonschema_rs.Draft202012Validator(
                self._schema, offline=True, pattern_options=_PATTERNS, validate_formats=True
            )
        except jsonschema_rs.ValidationError as error:
            place = dotted(tuple(error.instance_path))
            raise Invalid("schema_invalid", error.message[:200], where=place, remedy="see draft 2020-12") from error
        except (ValueError, UnicodeError) as error:
            raise Invalid("schema_invalid", shown(str(error)), remedy="mend the field that is named") from error

    def accepts(self, value: object) -> bool:
        """Whether a value matches. What cannot be looked at does not."""
        try:
            return self._validator.is_valid(value)
        except (ValueError, RecursionError):
            return False

    def problems(self, value: object) -> tuple[Problem, ...]:
        """Everything that the schema objects to, in the order of the value's parts."""
        try:
            errors = list(self._validator.iter_errors(value))
        except (ValueError, RecursionError) as error:
            return (Problem((), f"this is not plain JSON: {shown(str(error))}"),)
        found = {problem for error in errors for problem in self._explain(error)}
        return tuple(sorted(found, key=lambda problem: (_order(problem.path), problem.reason))[:PROBLEMS_MAX])

    def _explain(self, error: jsonschema_rs.ValidationError) -> Iterator[Problem]:
        path: Path = tuple(error.instance_path)
        details: dict[str, Any] = error.kind.as_dict()
        parent = self._at(error.schema_path[:-1])
        match error.kind.name:
            case "required":
                yield Problem(path, f"{details['property']!r} is missing", _meaning(parent, details["property"]))
            case "additionalProperties" | "unevaluatedProperties":
                known = list(parent.get("properties", {}))
                for name in details["unexpected"]:
                    yield Problem((*path, name), f"{shown(name)} is not known here", suggestion(name, known))
            case "type":
                wanted = " or ".join(_KINDS[kind] for kind in details["types"])
                yield Problem(path, f"{_what(error.instance)} where {wanted} belongs", parent.get("description", ""))
            case "enum":
                yield Problem(
                    path,
                    f"{shown(error.instance)} is not one of the choices",
                    suggestion(str(error.instance), [str(choice) for choice in parent["enum"]]),
                )
            case "pattern":
                form = parent.get("x-form") or f"it has to match {parent['pattern']}"
                yield Problem(path, f"{shown(error.instance)} does not have the right form", form)
            case _:
                yield Problem(
                    path,
                    _size(error.kind.name, error.instance, details) or error.message[:200],
                    parent.get("x-remedy", ""),
                )

    def _at(self, path: list[str | int]) -> dict[str, Any]:
        part: Any = self._schema
        for step in path:
            part = part[step]
        return part


def suggestion(name: str, known: list[str]) -> str:
    """What was probably meant, or the whole choice when it is short."""
    if near := difflib.get_close_matches(name[:128], known, n=1, cutoff=0.7):
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(known)}" if known and len(known) <= 12 else ""


def _meaning(parent: dict[str, Any], name: str) -> str:
    description = parent.get("properties", {}).get(name, {}).get("description", "")
    return f"add it: {description}" if description else "add it"


def _what(value: object) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return f"the text {shown(value)}"
        case int() | float():
            return f"the number {shown(value)}"
        case list():
            return "a list"
        case _:
            return "an object"


def _size(keyword: str, instance: object, details: dict[str, Any]) -> str:
    value, limit = cast("Any", instance), details.get("limit")
    match keyword:
        case "maxLength":
            return f"{len(value)} characters, {limit} at most"
        case "minLength":
            return "nothing is written here" if not value else f"{len(value)} characters, {limit} at least"
        case "maxItems" | "maxProperties":
            return f"{len(value)} entries, {limit} at most"
        case "minItems" | "minProperties":
            return f"{len(value)} entries, {limit} at least"
        case "maximum" | "exclusiveMaximum":
            return f"{shown(value)} is more than {limit}"
        case "minimum" | "exclusiveMinimum":
            return f"{shown(value)} is less than {limit}"
        case "uniqueItems":
            return "an entry stands here twice"
        case _:
            return ""


def _order(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple((part, "") if isinstance(part, int) else (-1, part) for part in path)
