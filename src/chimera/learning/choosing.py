"""Chooses among drafts by the reward model, as a read tool of the house. Allows and publishes nothing."""

from __future__ import annotations

from typing import Any, cast

from chimera.domain.errors import Invalid
from chimera.learning.reward import RewardModel, best_of
from chimera.ports.embeddings import Embeddings
from chimera.ports.tools_read import ToolAnswer, ToolsRead

TEXTS_MAX = 16
TOOL = "preferred"


class Choosing:
    """Implements `ports.tools_read.ToolsRead`: `preferred` is answered here; everything else is asked behind it.

    The answer is the house's own and on record like any, so that a replay needs no reward model.
    """

    def __init__(self, tools: ToolsRead, *, model: RewardModel, embeddings: Embeddings) -> None:
        self._tools = tools
        self._model = model
        self._embeddings = embeddings

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The place of the text with the highest reward, or the answer of the tools behind."""
        if tool != TOOL:
            return await self._tools.call(tool, arguments, agent_id=agent_id)
        given: object = arguments.get("texts")
        texts = [str(one) for one in cast("list[object]", given)] if isinstance(given, list) else []
        if not 1 <= len(texts) <= TEXTS_MAX:
            raise Invalid(
                "texts_out_of_range",
                f"{len(texts)} texts; 1 to {TEXTS_MAX} are compared",
                where=TOOL,
                remedy="compare 1 to 16",
            )
        best = await best_of(texts, self._model, self._embeddings)
        return ToolAnswer(content={"index": texts.index(best)}, labels=())
