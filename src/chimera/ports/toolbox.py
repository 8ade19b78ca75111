"""The tools of every server that we know, as their servers describe them. Calling through it only reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from msgspec import Struct

from chimera.domain.tools import Definition


class Told(Struct, frozen=True, kw_only=True):
    """What a tool answered: a stranger's word, made recordable."""

    content: dict[str, Any]
    is_error: bool = False


class Toolbox(Protocol):
    """Raises `Refused`, `Unavailable`, `Missing`, each with the server's name."""

    def definitions(self) -> Iterable[Definition]: ...

    def find(self, server: str, tool: str) -> Definition | None: ...

    async def read(self, server: str, tool: str, arguments: dict[str, Any], *, agent_id: str) -> Told:
        """The answer of a tool that only reads. It may be asked more than once."""
        ...


class ToolServers(Toolbox, Protocol):
    """Every tool server that we know, for whoever asks what they offer."""

    @property
    def servers(self) -> tuple[str, ...]: ...

    async def discover(self, servers: Iterable[str] = ()) -> dict[str, str]:
        """Ask these, or all, what they offer; those that failed, and why."""
        ...

    def faults(self) -> dict[str, str]:
        """Every tool that was not taken over, and why."""
        ...


class Found(Struct, frozen=True, kw_only=True):
    """A tool that fits a wish, and how well."""

    definition: Definition
    score: float


class Selection(Protocol):
    """An index over tools. What may not be used is taken out before anything is ranked."""

    async def select(
        self, wish: str, *, may_use: Callable[[Definition], bool] | None = None, limit: int = 5
    ) -> tuple[Found, ...]: ...
