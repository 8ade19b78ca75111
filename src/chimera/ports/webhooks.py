"""How far webhooks were told, and the way to tell them. Neither decides what is told."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from chimera.domain.webhook import Webhook


class Due(Struct, frozen=True, kw_only=True):
    """A webhook that this process tells now, alone."""

    webhook: Webhook
    cursor: dict[str, int]
    failures: int


class Progress(Struct, frozen=True, kw_only=True):
    """How it goes. `next_at_us`: when it is tried again; `last_answer`: a status, or what went wrong."""

    id: str
    failures: int = 0
    next_at_us: int = 0
    told_at_us: int = 0
    told: int = 0
    last_answer: str = ""


class WebhookStore(Protocol):
    """Shared by every process of the API."""

    async def take(self, *, at_us: int, until_us: int) -> tuple[Due, ...]:
        """Those that are due, leased to this process until a time."""
        ...

    async def keep(self, progress: Progress, *, cursor: dict[str, int]) -> None:
        """Where it stands after this try, and the lease given back. `told` is added to what was told before."""
        ...

    async def progress(self) -> tuple[Progress, ...]: ...


class Poster(Protocol):
    """Sends bytes to an address that is not ours."""

    async def post(self, url: str, body: bytes, *, headers: dict[str, str]) -> int:
        """The status of the answer. `Refused` for an address that leads inside, `Unavailable` without an answer."""
        ...

    def require_fit(self, url: str) -> None:
        """Nothing, or `Invalid` for an address to which nothing would ever be sent."""
        ...
