"""Answers that may be given again: kept by everything that they depend on, in memory, for a while."""

from __future__ import annotations

from chimera.domain import canonical
from chimera.domain.durations import SECOND_US
from chimera.domain.recent import Recent
from chimera.ports.model import ModelRequest

ANSWERS_MAX = 2_048
KEPT_SECONDS = 3_600


class Memo:
    """The least recently used goes first. One agent's answers are never another's."""

    def __init__(self, *, answers_max: int = ANSWERS_MAX) -> None:
        self._kept: Recent[str, tuple[int, str]] = Recent(answers_max)

    def find(self, model: str, request: ModelRequest, *, now_us: int) -> str | None:
        """The answer to the same question, if it is not too old."""
        key = _key(model, request)
        found = self._kept.get(key)
        if found is None or now_us - found[0] > KEPT_SECONDS * SECOND_US:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def keep(self, model: str, request: ModelRequest, text: str, *, now_us: int) -> None:
        """Remember an answer that was taken."""
        self._kept[_key(model, request)] = (now_us, text)


def _key(model: str, request: ModelRequest) -> str:
    return canonical.hash_of([model, request.agent_id, request.digest])
