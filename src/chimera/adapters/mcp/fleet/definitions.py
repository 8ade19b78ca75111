"""Takes over what a server says of a tool: a plain name, a schema that can be checked. Believes none of it."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import msgspec
from mcp import types as mcp_types

from chimera.adapters.mcp.fleet.entries import Entry
from chimera.adapters.mcp.plain import plain
from chimera.domain.errors import Invalid
from chimera.domain.tools import Definition

NAME = re.compile(r"[A-Za-z0-9_.:/-]{1,128}")
SCHEMA_BYTES_MAX = 65_536
DESCRIPTION_CHARS_MAX = 20_000
_ENCODER = msgspec.json.Encoder(order="sorted")


def read_definition(entry: Entry, tool: mcp_types.Tool) -> Definition:
    """The definition of a tool that can be pinned, or why it cannot."""
    if not NAME.fullmatch(tool.name):
        raise Invalid("tool_name_malformed", f"the name {ascii(tool.name)[:90]} is not one", where=entry.name,
                      remedy="letters, digits, and _ . : / -; 128 at most")  # fmt: skip
    schema = _without(dict(tool.input_schema), frozenset(entry.inject))
    text = _text_of(entry, tool.name, schema)
    _require_schema(entry, tool.name, schema)
    description = str(plain(tool.description or ""))
    if len(description) > DESCRIPTION_CHARS_MAX:
        raise Invalid("tool_description_long", f"{len(description)} characters", where=f"{entry.name}/{tool.name}",
                      remedy=f"{DESCRIPTION_CHARS_MAX} at most")  # fmt: skip
    hints = tool.annotations
    return Definition(
        server=entry.name, name=tool.name, description=description, schema=text,
        says_read_only=hints is not None and hints.read_only_hint is True,
        says_destructive=hints is not None and hints.destructive_hint is True and hints.read_only_hint is not True,
    )  # fmt: skip


def validator(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    """Checks arguments. Fetches no reference from anywhere, and its patterns take linear time."""
    return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())


def _text_of(entry: Entry, name: str, schema: dict[str, Any]) -> str:
    try:
        text = _ENCODER.encode(schema).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(
            "tool_schema_malformed",
            f"it has no JSON form: {type(error).__name__}",
            where=f"{entry.name}/{name}",
            remedy="ask its maker; the tool is not taken over",
        ) from error
    if len(text) > SCHEMA_BYTES_MAX:
        raise Invalid("tool_schema_malformed", f"{len(text)} bytes are too many", where=f"{entry.name}/{name}",
                      remedy=f"{SCHEMA_BYTES_MAX} at most")  # fmt: skip
    return text


def _require_schema(entry: Entry, name: str, schema: dict[str, Any]) -> None:
    try:
        validator(schema)
    except (ValueError, jsonschema_rs.ValidationError) as error:
        said = str(error).partition("\n")[0]
        raise Invalid(
            "tool_schema_malformed",
            f"it is no JSON schema: {said}"[:300],
            where=f"{entry.name}/{name}",
            remedy="ask its maker; the tool is not taken over",
        ) from error


def _without(schema: dict[str, Any], injected: frozenset[str]) -> dict[str, Any]:
    """The schema as callers see it: what is filled in at the last moment is not theirs to give."""
    if not injected:
        return schema
    properties = {key: value for key, value in dict(schema.get("properties", {})).items() if key not in injected}
    required = [key for key in schema.get("required", []) if key not in injected]
    return {**schema, "properties": properties, "required": required}
