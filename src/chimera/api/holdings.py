"""What is kept beside the work, as it is stored: pins of tools, memories, income, transfers. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from chimera.api import paging
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Limit
from chimera.domain.agent import Agent
from chimera.domain.memory import Memory
from chimera.domain.record import Record
from chimera.domain.revenue import Revenue
from chimera.domain.tools import ToolPin
from chimera.domain.transfer import Transfer
from chimera.ports.views import Views

T = TypeVar("T", bound=Record)


class HoldingRoutes:
    """`/v1/tools/pins`, `/v1/agents/{id}/memories`, `/v1/money/income`, `/v1/money/transfers`."""

    def __init__(self, *, views: Views) -> None:
        self._views = views

    def routes(self) -> Iterator[Route]:
        """What is served."""
        money, memories = Needs("money.look"), "/v1/agents/{agent_id}/memories"
        yield Route(method="GET", path="/v1/tools/pins", endpoint=self.pins, needs=Needs("fleet.look"),
                    answer=Page[ToolPin])  # fmt: skip
        yield Route(method="GET", path=memories, endpoint=self.memories, needs=Needs("data.look"),
                    answer=Page[Memory])  # fmt: skip
        yield Route(method="GET", path="/v1/money/income", endpoint=self.income, needs=money, answer=Page[Revenue])
        yield Route(method="GET", path="/v1/money/transfers", endpoint=self.transfers, needs=money,
                    answer=Page[Transfer])  # fmt: skip

    async def pins(self, cursor: Cursor = "", limit: Limit = PAGE) -> Page[ToolPin]:
        """Tools of other servers as somebody has approved them: the definition, and what calling it does."""
        return await self._page(ToolPin, "", cursor, limit)

    async def memories(self, agent_id: Id, cursor: Cursor = "", limit: Limit = PAGE) -> Page[Memory]:
        """What an agent remembers, with the labels that it came with. Forgotten ones have no words."""
        return await self._page(Memory, (await self._views.get(Agent, agent_id)).id, cursor, limit)

    async def income(self, cursor: Cursor = "", limit: Limit = PAGE) -> Page[Revenue]:
        """What came in, by campaign: against it stands what was spent."""
        return await self._page(Revenue, "", cursor, limit)

    async def transfers(self, cursor: Cursor = "", limit: Limit = PAGE) -> Page[Transfer]:
        """What wallets have sent, nonce by nonce, each under the grant that it belongs to."""
        return await self._page(Transfer, "", cursor, limit)

    async def _page(self, kind: type[T], scope: str, cursor: str, limit: int) -> Page[T]:
        found = await self._views.list(kind, scope=scope or None, limit=limit, after=paging.place(cursor))
        return Page(items=found, next=paging.encode(found[-1].id) if len(found) == limit else "")
