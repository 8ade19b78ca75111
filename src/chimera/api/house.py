"""What the house is made of, for people to look at: read tools and accounts. Shows; changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated

from fastapi import Query
from msgspec import Struct

from chimera.api import paging
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.uses import Health, Uses
from chimera.api.words import Cursor, Limit
from chimera.domain.agent import Account, Agent
from chimera.domain.permissions import TOOLS
from chimera.ports.network import KnownNetwork
from chimera.ports.views import AgentQuery, Views

# By their names the networks that this installation is configured for, and the rehearsal's.
Networks = Callable[[], Mapping[str, KnownNetwork]]
UNCONFIGURED = KnownNetwork(kind="", exercised=False)


class Tool(Struct, frozen=True, kw_only=True):
    """A read tool and the permission that it needs."""

    name: str
    permission: str


class Tools(Struct, frozen=True, kw_only=True):
    """The tools that agents may be permitted."""

    items: tuple[Tool, ...]


class Connection(Struct, frozen=True, kw_only=True):
    """An agent's account on a network, and what came of its acts since the day began.

    `kind` is what the network speaks, empty where it is not configured here. `health` goes by the latest act;
    `expires_us` is 0 where the token does not run out by itself, or the network does not say when.
    """

    agent_id: str
    agent_name: str
    platform: str
    handle: str
    state: str
    halted: bool
    kind: str
    exercised: bool
    health: Health
    expires_us: int
    done: int
    failed: int
    in_doubt: int
    last_used_us: int
    last_error_us: int
    last_error: str


class HouseRoutes:
    """`/v1/tools` and `/v1/connections`."""

    def __init__(self, *, views: Views, uses: Uses, networks: Networks) -> None:
        self._views = views
        self._uses = uses
        self._networks = networks

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(
            method="GET", path="/v1/tools", endpoint=self.tools, name="list", needs=Needs("fleet.look"), answer=Tools
        )
        yield Route(method="GET", path="/v1/connections", endpoint=self.connections, name="list",
                    needs=Needs("fleet.look"), answer=Page[Connection])  # fmt: skip

    async def tools(self) -> Tools:
        """Every read tool with the permission that it needs."""
        return Tools(items=tuple(Tool(name=name, permission=needed) for name, needed in sorted(TOOLS.items())))

    async def connections(
        self, platform: Annotated[str, Query(max_length=64)] = "", cursor: Cursor = "", limit: Limit = PAGE
    ) -> Page[Connection]:
        """The accounts of all agents."""
        agents = await self._views.agents(AgentQuery(after=paging.place(cursor), limit=limit))
        halted, networks = await self._views.halted(), self._networks()
        found = tuple(
            self._connection(agent, account, networks, halted)
            for agent in agents
            for account in agent.accounts
            if platform in ("", account.platform)
        )
        return Page(items=found, next=paging.encode(agents[-1].id) if len(agents) == limit else "")

    def _connection(
        self, agent: Agent, account: Account, networks: Mapping[str, KnownNetwork], halted: frozenset[str]
    ) -> Connection:
        network = networks.get(account.platform.partition(".")[0], UNCONFIGURED)
        use = self._uses.of(account.platform, account.handle)
        return Connection(
            agent_id=agent.id, agent_name=agent.name, platform=account.platform, handle=account.handle,
            state=str(agent.state), halted=f"platform:{account.platform}" in halted, kind=network.kind,
            exercised=network.exercised, health=use.health, expires_us=network.until_us.get(account.handle, 0),
            done=use.done, failed=use.failed, in_doubt=use.in_doubt,
            last_used_us=use.last_used_us, last_error_us=use.last_error_us, last_error=use.last_error,
        )  # fmt: skip
