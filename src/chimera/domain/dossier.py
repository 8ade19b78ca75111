"""What effects must know of a grant before it acts, as it stood at one moment. Pure."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain.agent import Agent
from chimera.domain.grant import Batch, Grant, Seal


class Dossier(Struct, frozen=True, kw_only=True):
    """A grant with its seal, its batch, its agent, and what is halted. `now_us` is the time of the store's clock."""

    grant: Grant
    seal: Seal | None
    batch: Batch | None
    agent: Agent | None
    halted: frozenset[str]
    now_us: int
