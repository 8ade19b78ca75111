"""What touches the world. Only `pipeline.effects` may hold one."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from chimera.domain.action import Action


class Order(Struct, frozen=True, kw_only=True):
    """One act, under the grant's id as its idempotency key."""

    grant_id: str
    action: Action
    deadline_us: int


class Published(Struct, frozen=True, tag="published"):
    """It happened; the network's own reference is in the receipt."""

    receipt: dict[str, Any]


class Rejected(Struct, frozen=True, tag="rejected"):
    """It certainly did not happen. `later` says whether the same act may be granted again later."""

    reason: str
    later: bool = False


class Unknown(Struct, frozen=True, tag="unknown"):
    """It may or may not have happened."""

    reason: str


class Absent(Struct, frozen=True, tag="absent"):
    """The network was asked and does not have it."""


Outcome: TypeAlias = Published | Rejected | Unknown
Trace: TypeAlias = Published | Absent | Unknown


class Traits(Struct, frozen=True, kw_only=True):
    """What a network can do about doubt: dedupe by our key, be asked reliably, and how long it takes to settle."""

    deduplicates: bool
    looks_up: bool
    settling_seconds: float


class Publisher(Protocol):
    """Performs on networks. Never raises for a network's fault: an outcome says what is known."""

    def traits(self, action: Action) -> Traits: ...

    async def publish(self, order: Order) -> Outcome: ...

    async def look_up(self, order: Order) -> Trace: ...
