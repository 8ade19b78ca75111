"""The dialect of Anthropic's messages. The schema goes as the one tool that has to be used. Opens no connection."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.models.wire import Ask, Cause, Event, Reply, Trouble, said

VERSION = "2023-06-01"
TOOL = "answer"


class _Usage(Struct, frozen=True):
    input_tokens: int = 0
    output_tokens: int = 0


class _Message(Struct, frozen=True):
    usage: _Usage = _Usage()


class _Delta(Struct, frozen=True):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Said(Struct, frozen=True):
    type: str
    message: _Message = _Message()
    delta: _Delta = _Delta()
    usage: _Usage = _Usage()
    error: Any = None


class AnthropicWire:
    """Implements `wire.Wire`."""

    path = "/v1/messages"

    def headers(self, key: str) -> dict[str, str]:
        """The key, and the version of the protocol that this was written against."""
        return {"x-api-key": key, "anthropic-version": VERSION}

    def body(self, ask: Ask) -> dict[str, Any]:
        """One question, streamed."""
        tool = {"name": TOOL, "description": "Gives the answer.", "input_schema": ask.schema}
        return {
            "model": ask.model,
            "system": ask.system,
            "messages": [{"role": "user", "content": ask.user}],
            "tools": [tool],
            "tool_choice": {"type": "tool", "name": TOOL},
            "max_tokens": ask.tokens_max,
            "stream": True,
        }

    def take(self, event: Event, reply: Reply) -> None:
        """The arguments of the tool are the answer; words beside it make it one of the wrong form."""
        try:
            one = msgspec.convert(said(event), _Said)
        except msgspec.ValidationError as error:
            raise Trouble(Cause.GARBAGE, str(error), reply=reply) from error
        match one.type:
            case "message_start":
                reply.tokens_in = one.message.usage.input_tokens
            case "content_block_delta":
                reply.text += one.delta.text + one.delta.partial_json
            case "message_delta":
                reply.tokens_out = one.usage.output_tokens
                reply.refused = one.delta.stop_reason == "refusal"
                reply.finish = _finish(one.delta.stop_reason or "")
            case "error":
                raise Trouble(Cause.ERROR, str(one.error), reply=reply)
            case _:
                return  # pings, beginnings and ends of blocks


def _finish(reason: str) -> str:
    return "length" if reason == "max_tokens" else reason
