"""Who wants to hear nothing more from us, ever. It is only added to: nothing that we do takes it back."""

from __future__ import annotations

from typing import Protocol


class OptOuts(Protocol):
    """Kept outside what erasure blanks and what a restored backup brings back."""

    def has(self, person: str) -> bool: ...

    def add(self, person: str, *, at_us: int) -> None: ...
