"""The tools of every server that we know, as their servers describe them. Calling through it only reads."""

from __future__ import annotations

from collections.abc import Iterable
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
