"""Makes an answer fit the schema that was asked for: what is not asked for goes, what is required appears. Pure."""

from __future__ import annotations

from typing import Any, cast

from chimera.rehearsal import reading

_EMPTY: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "null": None}


def fit(answer: dict[str, Any], schema: dict[str, Any], *, words: str) -> dict[str, Any]:
    """The answer as the schema wants it. `words` stand wherever a required text is missing."""
    properties = reading.table(schema, "properties")
    if not properties:
        return answer
    kept = {name: value for name, value in answer.items() if name in properties or _is_open(schema)}
    missing = [name for name in reading.texts(schema, "required") if name not in kept]
    return kept | {name: _made(reading.table(properties, name), words) for name in missing}


def _is_open(schema: dict[str, Any]) -> bool:
    return schema.get("additionalProperties") is not False


def _made(schema: dict[str, Any], words: str) -> object:
    if "const" in schema:
        return schema["const"]
    if choices := reading.rows(schema, "enum"):
        return choices[0]
    kind = schema.get("type", "string")
    match cast("list[Any]", kind)[0] if isinstance(kind, list) else kind:
        case "object":
            return fit({}, schema, words=words)
        case "array":
            return [_made(reading.table(schema, "items"), words)] * reading.number(schema, "minItems")
        case "integer" | "number":
            return reading.number(schema, "minimum")
        case "string":
            return words[: reading.number(schema, "maxLength", len(words))]
        case other:
            return _EMPTY.get(str(other))
