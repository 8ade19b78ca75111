"""What a manager has of the windows that all share: a part that it spends from without waiting for the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Allotments(Protocol):
    """Parts of windows by the store's clock. Raises `Unavailable`."""

    async def allot(
        self, writer: str, windows: Sequence[str], *, share_bp: int, micros_max: int, lease_seconds: float
    ) -> int:
        """Let the writer have this share of what is free in these windows, and give back what it has of others; the sum
        of what it has now.
        """
        ...
