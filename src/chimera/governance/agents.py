"""Finds an agent by what people call it. Reads; changes nothing."""

from __future__ import annotations

from chimera.domain import ids
from chimera.domain.agent import Agent, agent_id_of
from chimera.domain.errors import Missing
from chimera.ports.store import Reads


async def find_agent(reads: Reads, name: str) -> Agent | None:
    """By its id or by its name; None when there is no such agent."""
    return await reads.find(Agent, name if ids.is_id(name) else agent_id_of(name))


async def agent_called(reads: Reads, name: str) -> Agent:
    """By its id or by its name, or `Missing`."""
    agent = await find_agent(reads, name)
    if agent is None:
        raise Missing("agent_unknown", f"there is no agent {name[:60]!r}", where="agent",
                      remedy="chimera agent list names them")  # fmt: skip
    return agent
