"""Which manager has which slot of shards. A lease says who may begin; the writer's fence keeps two apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Slots(Protocol):
    """Leases of slots by the store's clock. Raises `Unavailable`."""

    async def hold(self, holder: str, numbers: Sequence[int], *, more: int, lease_seconds: float) -> frozenset[int]:
        """Renew what the holder has, and take up to `more` that are free or whose holder is silent; what it has now."""
        ...

    async def leave(self, holder: str, number: int = -1) -> None:
        """Give one back before its time; without a number, take no part any more."""
        ...

    async def holders(self) -> int:
        """How many take part now, with or without a slot."""
        ...
