"""What we need from a language model: one structured answer, with its cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from chimera.domain import canonical
from chimera.domain.errors import Unavailable
from chimera.domain.labels import Labels


class ModelRequest(Struct, frozen=True, kw_only=True):
    """What is asked. Instructions are ours; `data` is only ever data, whatever it says."""

    prompt: str
    instructions: str
    data: dict[str, Any]
    output: dict[str, Any]
    task_id: str
    agent_id: str
    cost_micros_max: int
    labels: Labels = ()
    # None of these changes what the answer may be: they are no part of the digest.
    seconds_max: int = 60
    repairs_max: int = 1
    may_cache: bool = False

    @property
    def digest(self) -> str:
        """What the answer depends on."""
        return canonical.hash_of(
            {"prompt": self.prompt, "instructions": self.instructions, "data": self.data, "output": self.output}
        )


class Try(Struct, frozen=True, kw_only=True):
    """One call to one model, and what came of it: `ok`, or the cause why the next one was asked."""

    model: str
    cause: str
    detail: str = ""
    cost_micros: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    took_us: int = 0


class ModelAnswer(Struct, frozen=True, kw_only=True):
    """What came back: text that may or may not be what was asked for."""

    text: str
    model: str
    cost_micros: int
    tries: tuple[Try, ...] = ()
    frame: str = ""


class ModelsFailed(Unavailable):
    """No model of the route gave an answer. What was tried has cost something, and belongs in the record."""

    def __init__(self, tries: Sequence[Try]) -> None:
        causes = ", ".join(f"{one.model}: {one.cause}" for one in tries) or "none is configured"
        said = Unavailable("models_failed", f"no model gave an answer ({causes})", where="models",
                           remedy="chimera models check says which of them answers")  # fmt: skip
        super().__init__(said.code, said.message, where=said.where, remedy=said.remedy)
        self.tries = tuple(tries)


class Model(Protocol):
    """A language model. Raises `Unavailable`; never judges its own answer."""

    async def complete(self, request: ModelRequest) -> ModelAnswer: ...
