"""How answers of models go on record: the one that counted, and before it what was tried in vain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chimera.domain import canonical
from chimera.domain.draft import Call
from chimera.ports.model import ModelAnswer, Try

TRY = "try"
# What a tool may use. It changes nothing about what the answer may be: a replay, which tries nothing in vain, has more.
LIMITS = frozenset({"cost_micros_max", "seconds_max"})


def digest_of_tool(tool: str, arguments: Mapping[str, Any]) -> str:
    """By what a call of a tool is recognised when its task is replayed."""
    return canonical.hash_of({"tool": tool, **{name: one for name, one in arguments.items() if name not in LIMITS}})


def of_answer(answer: ModelAnswer, *, digest: str, prompt: str) -> tuple[Call, ...]:
    """The calls behind an answer. The frame that its provider was given is named beside the prompt."""
    named = f"{prompt}+{answer.frame}" if answer.frame else prompt
    call = Call(
        kind="model",
        name=answer.model,
        request_digest=digest,
        answer=answer.text,
        cost_micros=answer.cost_micros,
        prompt=named,
    )
    return (*of_tries(answer.tries, digest=digest), call) if answer.tries else (call,)


def of_tries(tries: Iterable[Try], *, digest: str) -> tuple[Call, ...]:
    """What was tried, with cause, tokens and time. The cost of the answer that counted stands with the answer."""
    return tuple(
        Call(
            kind=TRY,
            name=one.model,
            request_digest=digest,
            answer=canonical.encode({"cause": one.cause, "detail": one.detail, "tokens_in": one.tokens_in,
                                     "tokens_out": one.tokens_out, "took_us": one.took_us}).decode(),
            cost_micros=0 if one.cause == "ok" else one.cost_micros,
        )
        for one in tries
    )  # fmt: skip
