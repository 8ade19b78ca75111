"""What we need from a language model: one structured answer, with its cost."""

from __future__ import annotations

from typing import Any, Protocol

from msgspec import Struct

from chimera.domain import canonical
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

    @property
    def digest(self) -> str:
        """What the answer depends on."""
        return canonical.hash_of(
            {"prompt": self.prompt, "instructions": self.instructions, "data": self.data, "output": self.output}
        )


class ModelAnswer(Struct, frozen=True, kw_only=True):
    """What came back: text that may or may not be what was asked for."""

    text: str
    model: str
    cost_micros: int


class Model(Protocol):
    """A language model. Raises `Unavailable`; never judges its own answer."""

    async def complete(self, request: ModelRequest) -> ModelAnswer: ...
