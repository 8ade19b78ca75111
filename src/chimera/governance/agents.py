"""Finds an agent by what people call it. Reads; changes nothing."""

from __future__ import annotations

from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.errors import Missing
from chimera.ports.store import Reads, every


async def agent_called(reads: Reads, name: str) -> Agent:
    """By its id or by its name, or `Missing`."""
    if ids.is_id(name):
        return await reads.get(Agent, name)
    async for agent in every(reads, Agent):
        if agent.name == name:
            return agent
    raise Missing("agent_unknown", f"there is no agent {name[:60]!r}", where="agent",
                  remedy="chimera agent list names them")  # fmt: skip
