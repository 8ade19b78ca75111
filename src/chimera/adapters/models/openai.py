"""The dialect of OpenAI's chat completions, which vLLM, llama.cpp and Ollama speak too. Opens no connection."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.models.wire import Ask, Cause, Event, Reply, Trouble, said

DONE = "[DONE]"


class _Delta(Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class _Choice(Struct, frozen=True):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(Struct, frozen=True):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Chunk(Struct, frozen=True):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None


class OpenAiWire:
    """Implements `wire.Wire`. Local servers know `max_tokens` and no `max_completion_tokens`."""

    path = "/chat/completions"

    def __init__(self, *, is_local: bool) -> None:
        self._tokens = "max_tokens" if is_local else "max_completion_tokens"

    def headers(self, key: str) -> dict[str, str]:
        """A local server may need no key."""
        return {"authorization": f"Bearer {key}"} if key else {}

    def body(self, ask: Ask) -> dict[str, Any]:
        """One question, streamed, with the schema of its answer."""
        schema = {"name": "answer", "schema": ask.schema, "strict": False}
        return {
            "model": ask.model,
            "messages": [{"role": "system", "content": ask.system}, {"role": "user", "content": ask.user}],
            "response_format": {"type": "json_schema", "json_schema": schema},
            "stream": True,
            "stream_options": {"include_usage": True},
            self._tokens: ask.tokens_max,
        }

    def take(self, event: Event, reply: Reply) -> None:
        """Text, the reason for the end, tokens; an error in mid-stream."""
        if event.data.strip() == DONE:
            reply.finish = reply.finish or "stop"
            return
        try:
            chunk = msgspec.convert(said(event), _Chunk)
        except msgspec.ValidationError as error:
            raise Trouble(Cause.GARBAGE, str(error), reply=reply) from error
        if chunk.error is not None:
            raise Trouble(Cause.ERROR, str(chunk.error), reply=reply)
        if chunk.usage is not None:
            reply.tokens_in, reply.tokens_out = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
        for choice in chunk.choices[:1]:
            reply.text += choice.delta.content or ""
            reply.refused = reply.refused or bool(choice.delta.refusal) or choice.finish_reason == "content_filter"
            reply.finish = choice.finish_reason or reply.finish
