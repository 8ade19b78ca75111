"""What is needed to tell people that something waits. A notice is a view of a record; it decides nothing."""

from __future__ import annotations

from typing import Protocol


class Notices(Protocol):
    """Tells whoever wants to be told."""

    async def tell(self, title: str, text: str) -> bool:
        """Whether it went to everybody. Never raises for a service's fault."""
        ...
