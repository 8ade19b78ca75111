"""What the house is made of, for people to look at: read tools and accounts. Shows; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Query
from msgspec import Struct

from chimera.api import paging
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Limit
from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.permissions import TOOLS
from chimera.ports.views import AgentQuery, Views


class Tool(Struct, frozen=True, kw_only=True):
    """A read tool and the permission that it needs."""

    name: str
    permission: str


class Tools(Struct, frozen=True, kw_only=True):
    """The tools that agents may be permitted."""

    items: tuple[Tool, ...]


class Connection(Struct, frozen=True, kw_only=True):
    """An agent's account on a network."""

    agent_id: str
    agent_name: str
    platform: str
    handle: str
    state: str
    halted: bool


class HouseRoutes:
    """`/v1/tools` and `/v1/connections`."""

    def __init__(self, *, views: Views) -> None:
        self._views = views

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/v1/tools", endpoint=self.tools, needs=Needs("fleet.look"), answer=Tools)
        yield Route(method="GET", path="/v1/connections", endpoint=self.connections, needs=Needs("fleet.look"),
                    answer=Page[Connection])  # fmt: skip

    async def tools(self) -> Tools:
        """Every read tool with the permission that it needs."""
        return Tools(items=tuple(Tool(name=name, permission=needed) for name, needed in sorted(TOOLS.items())))

    async def connections(
        self, platform: Annotated[str, Query(max_length=64)] = "", cursor: Cursor = "", limit: Limit = PAGE
    ) -> Page[Connection]:
        """The accounts of all agents."""
        after = paging.decode(cursor, str)
        after = ids.parse(after, where="cursor") if after else ""
        agents = await self._views.agents(AgentQuery(after=after, limit=limit))
        halted = await self._views.halted()
        found = tuple(one for agent in agents for one in _accounts(agent, halted) if platform in ("", one.platform))
        return Page(items=found, next=paging.encode(agents[-1].id) if len(agents) == limit else "")


def _accounts(agent: Agent, halted: frozenset[str]) -> Iterator[Connection]:
    for account in agent.accounts:
        yield Connection(agent_id=agent.id, agent_name=agent.name, platform=account.platform, handle=account.handle,
                         state=str(agent.state), halted=f"platform:{account.platform}" in halted)  # fmt: skip
