"""The form in which a model has to answer, and whether it did. Decides nothing about what it said."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.models.authors import JUDGE
from chimera.adapters.models.wire import Cause
from chimera.domain import canonical
from chimera.domain.errors import Invalid
from chimera.governance import answers, guardrails
from chimera.governance.answers import Wrong
from chimera.governance.schemas import Schema
from chimera.ports.model import ModelRequest

SCHEMAS_MAX = 256
FINDINGS_MAX = 10
_SURE = {"type": "integer", "minimum": 0, "maximum": 10_000}
_OPINION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "accepted": {"type": "boolean"},
        "confidence_bp": _SURE,
        "findings": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["accepted", "confidence_bp", "findings"],
    "additionalProperties": False,
}


class Fault(Struct, frozen=True):
    """Why an answer was not taken."""

    cause: Cause
    findings: tuple[str, ...]


def schema_of(request: ModelRequest) -> dict[str, Any]:
    """What the answer has to match: an opinion, or what the spec says in the envelope of all answers."""
    if request.prompt == JUDGE:
        return _OPINION
    return {
        "type": "object",
        "properties": {"output": _plain(request.output), "confidence_bp": _SURE},
        "required": ["output", "confidence_bp"],
        "additionalProperties": False,
    }


def fault_of(request: ModelRequest, text: str) -> Fault | None:
    """What is wrong with an answer, if anything."""
    try:
        answers.require_sound(text, instructions=request.instructions)
        _require_form(request, text)
    except Invalid as error:
        return Fault(_CAUSES[answers.wrong_of(error)], tuple(str(error).split("\n")[:FINDINGS_MAX]))
    return None


def _require_form(request: ModelRequest, text: str) -> None:
    if request.prompt == JUDGE:
        guardrails.read_opinion(text)
        return
    envelope = guardrails.read_envelope(text)
    problems = _compiled(canonical.encode(request.output)).problems(envelope.output)
    if problems:
        raise Invalid(
            "answer_malformed", "\n".join(map(str, problems[:FINDINGS_MAX])), remedy="the task is tried again by itself"
        )


_CAUSES = {
    Wrong.MALFORMED: Cause.MALFORMED,
    Wrong.REFUSES: Cause.REFUSED,
    Wrong.LEAKS_PROMPT: Cause.LEAKED,
    Wrong.LEAKS_SECRET: Cause.LEAKED,
}


@lru_cache(maxsize=SCHEMAS_MAX)
def _compiled(output: bytes) -> Schema:
    return Schema(msgspec.json.decode(output))


def _plain(schema: Any) -> Any:  # noqa: ANN401 – any part of a JSON Schema.
    """The schema without our own words in it, which providers refuse."""
    if isinstance(schema, dict):
        return {key: _plain(value) for key, value in schema.items() if not str(key).startswith("x-")}  # pyright: ignore
    return [_plain(item) for item in schema] if isinstance(schema, list) else schema  # pyright: ignore
