"""What a manager knows of the fleet while it works: agents, kin, what was said lately. A view, never the truth."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from chimera.domain import refusals, scopes
from chimera.domain.agent import Agent, AgentState
from chimera.domain.permissions import needed_for_tool
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Reads

FRESH_SECONDS = 5
RECENT_MAX = 12
HALTED_FRESH_US = 300_000


class Roster:
    """Agents are read again when they are no longer fresh; effects checks them once more before it acts."""

    def __init__(self, *, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._agents: dict[str, tuple[Agent, int]] = {}
        self._recent: dict[str, deque[str]] = {}
        self._handles: frozenset[str] = frozenset()
        self._halted: tuple[frozenset[str], int] = (frozenset(), 0)

    async def load(self) -> None:
        """Every agent of the fleet, page by page, and what is halted."""
        after = ""
        while page := await self._reads.list(Agent, after=after, limit=LIST_MAX):
            self._keep(page)
            after = page[-1].id
        self._halted = (await self._reads.halted(), self._clock.now_us())

    async def agents(self, identifiers: Iterable[str]) -> dict[str, Agent]:
        """The agents asked for, none older than `FRESH_SECONDS`."""
        wanted = set(identifiers)
        stale_us = self._clock.now_us() - FRESH_SECONDS * 1_000_000
        old = sorted(one for one in wanted if one not in self._agents or self._agents[one][1] < stale_us)
        for start in range(0, len(old), LIST_MAX):
            self._keep(await self._reads.get_many(Agent, old[start : start + LIST_MAX]))
        return {one: self._agents[one][0] for one in wanted if one in self._agents}

    async def may_use(self, agent_id: str, tool: str) -> bool:
        """Whether an agent is active and permitted what a read tool needs. An agent that is not known may nothing.

        While agent or tool are halted the answer is `Refused("halted")`: the work waits, and is not refused for good.
        """
        if met := {scopes.FLEET, scopes.agent(agent_id), scopes.tool(tool)} & await self.halted():
            raise refusals.halted(min(met))
        agent = (await self.agents((agent_id,))).get(agent_id)
        needed = needed_for_tool(tool)
        return agent is not None and needed is not None and agent.state is AgentState.ACTIVE and agent.may(needed)

    async def halted(self) -> frozenset[str]:
        """The halted scopes, a moment old at most; commit and effects look again."""
        scopes, read_us = self._halted
        now_us = self._clock.now_us()
        if now_us - read_us > HALTED_FRESH_US:
            # Dated before it is read: a thousand hearings that find it stale ask once, not a thousand times.
            self._halted = (scopes, now_us)
            self._halted = (await self._reads.halted(), now_us)
        return self._halted[0]

    def kin_of(self, agent: Agent) -> tuple[str, ...]:
        """The handles of the fleet's other accounts."""
        own = {account.handle for account in agent.accounts}
        return tuple(sorted(self._handles - own))

    def is_kin(self, agent: Agent, handle: str) -> bool:
        """Whether a handle is another persona of this fleet."""
        return handle in self._handles and handle not in {account.handle for account in agent.accounts}

    def recent(self, agent_id: str) -> tuple[str, ...]:
        """What the agent said lately, newest last."""
        return tuple(self._recent.get(agent_id, ()))

    def said(self, agent_id: str, text: str) -> None:
        """Note what an agent is about to say."""
        if text:
            self._recent.setdefault(agent_id, deque(maxlen=RECENT_MAX)).append(text)

    def _keep(self, agents: Iterable[Agent]) -> None:
        now_us = self._clock.now_us()
        fresh = {agent.id: (agent, now_us) for agent in agents}
        self._agents.update(fresh)
        handles = {account.handle for agent, _ in fresh.values() for account in agent.accounts}
        if not handles <= self._handles:
            self._handles |= handles
