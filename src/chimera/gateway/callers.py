"""Who calls the door: which agent, and within which scopes. Data, and one protocol; answers nothing."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from chimera.domain.access import SCOPES, AccessScope
from chimera.domain.errors import Refused


class Caller(Struct, frozen=True, kw_only=True):
    """The agent in whose name a call comes, and what its token is good for."""

    agent_id: str
    scopes: tuple[str, ...] = SCOPES

    def require(self, scope: AccessScope, *, tool: str) -> None:
        """Nothing, or `Refused` when the token was given for less."""
        if scope not in self.scopes:
            raise Refused("access_scope_missing", f"this program was not admitted to {scope}", where=tool,
                          remedy="let it ask again, with that scope")  # fmt: skip


class Callers(Protocol):
    """Whose token this is; nothing for one that is nobody's."""

    def agent_of(self, token: str) -> str | None: ...
