"""What an outside agent is offered, with its schemas. Data; answers nothing."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
from mcp import types as mcp_types

from chimera.domain.errors import Invalid


def _tool(name: str, says: str, properties: dict[str, Any], *required: str, reads: bool) -> mcp_types.Tool:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    hints = mcp_types.ToolAnnotations(read_only_hint=reads, destructive_hint=not reads, open_world_hint=True)
    return mcp_types.Tool(name=name, description=says, input_schema=schema, annotations=hints)


_TEXT = {"type": "string", "minLength": 1, "maxLength": 300}
_ID = {"type": "string", "minLength": 1, "maxLength": 512}
_ACCOUNT = {"type": "string", "minLength": 1, "maxLength": 256}
# What does something: by its tool, the kind of input that it becomes and the permission that it needs.
PROPOSALS = {
    "chimera_post": ("gateway_post", "post.publish"),
    "chimera_reply": ("gateway_reply", "post.reply"),
    "chimera_like": ("gateway_like", "post.like"),
    "chimera_take_down": ("gateway_take_down", "post.take_down"),
}
CALL = "chimera_call"
# Only what has become of a call of its own.
ASKS_FOR_NOTHING = frozenset({"chimera_result"})
OFFERED = (
    _tool("chimera_search", "Find tools that you may use and that fit a wish in plain words.",
          {"wish": {"type": "string", "minLength": 1, "maxLength": 1000},
           "limit": {"type": "integer", "minimum": 1, "maximum": 20}}, "wish", reads=True),
    _tool(CALL, "Call a tool by the name that chimera_search gave. One that reads answers at once; one that does more "
          "is proposed and decided by policy, perhaps by a person: done, refused with reasons, held with a review_id.",
          {"tool": {"type": "string", "maxLength": 200}, "arguments": {"type": "object"}}, "tool", reads=False),
    _tool("chimera_post", "Propose a post under your account. It is decided by policy, perhaps by a person: done, "
          "refused with reasons, or held with a review_id.",
          {"text": _TEXT, "picture": {"type": "string", "minLength": 1, "maxLength": 200}}, "text", reads=False),
    _tool("chimera_reply", "Propose an answer to a post. Decided as a post is.",
          {"text": _TEXT, "in_reply_to": _ID, "target_account": _ACCOUNT}, "text", "in_reply_to", "target_account",
          reads=False),
    _tool("chimera_like", "Propose to like a post.", {"post_id": _ID, "target_account": _ACCOUNT}, "post_id",
          "target_account", reads=False),
    _tool("chimera_take_down", "Propose to take down a post of yours. A person always decides.", {"post_id": _ID},
          "post_id", reads=False),
    _tool("chimera_result", "What has become of a call: give its call_id or its review_id.",
          {"id": {"type": "string", "minLength": 36, "maxLength": 36}}, "id", reads=True),
)  # fmt: skip
_VALIDATORS = {tool.name: jsonschema_rs.validator_for(tool.input_schema) for tool in OFFERED}


def require_arguments(name: str, arguments: dict[str, Any]) -> None:
    """Refuse arguments that are not of the tool's form."""
    error = next(_VALIDATORS[name].iter_errors(arguments), None)
    if error is not None:
        raise Invalid(
            "tool_arguments", error.message[:300], where=f"{name}.arguments", remedy="the task is tried again by itself"
        )
