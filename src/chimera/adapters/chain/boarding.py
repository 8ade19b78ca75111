"""Small payments that wait a moment for others to go with. Decides who waits how long; begins nothing by itself.

Whoever stops waiting is gone: a payment is begun for somebody who still waits for it, or not at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from chimera.domain.errors import ChimeraError
from chimera.domain.transfer import Transfer
from chimera.domain.wallets import ChainRules, Payment
from chimera.ports.clock import Clock


class Weight(Struct, frozen=True, kw_only=True):
    """What a payment would use alone, and how much it may."""

    gas_alone: int
    gas_max: int


class Rider:
    """A payment that waits, and whoever waits for it."""

    def __init__(self, grant_id: str, payment: Payment, weight: Weight) -> None:
        self.grant_id = grant_id
        self.payment = payment
        self.weight = weight
        self.due_us = 0
        self._begun: asyncio.Future[Transfer | None] = asyncio.get_running_loop().create_future()

    @property
    def is_waiting(self) -> bool:
        """Whether somebody still waits."""
        return not self._begun.done()

    async def begun(self) -> Transfer | None:
        """The payment, once it has its nonce and its signature; nothing when it is to go alone."""
        return await self._begun

    def answer(self, transfer: Transfer | None) -> None:
        """It has begun, or goes alone."""
        if self.is_waiting:
            self._begun.set_result(transfer)

    def refuse(self, error: ChimeraError) -> None:
        """It has not."""
        if self.is_waiting:
            self._begun.set_exception(error)


class Boarding:
    """One wallet's. `run` has to be running."""

    def __init__(
        self, *, rules: ChainRules, clock: Clock, ship: Callable[[Sequence[Rider]], Awaitable[None]]
    ) -> None:  # fmt: skip
        self._rules = rules
        self._clock = clock
        self._ship = ship
        self._waiting: dict[str, list[Rider]] = {}
        self._some = asyncio.Event()
        self._enough = asyncio.Event()

    async def join(self, rider: Rider) -> Transfer | None:
        """Wait with others that pay in the same asset."""
        rider.due_us = self._clock.now_us() + int(self._rules.gather_seconds * 1_000_000)
        waiting = self._waiting.setdefault(rider.payment.asset, [])
        waiting.append(rider)
        self._some.set()
        if len(waiting) >= self._rules.shared_max:
            self._enough.set()
        return await rider.begun()

    async def run(self) -> None:
        """Until cancelled: in each asset the first waits its time, or until as many are there as go together."""
        while True:
            await self._some.wait()
            due_us = min(riders[0].due_us for riders in self._waiting.values())
            with contextlib.suppress(TimeoutError):
                async with self._clock.timeout(max(0, due_us - self._clock.now_us()) / 1_000_000):
                    await self._enough.wait()
            self._enough.clear()
            for riders in self._due():
                await self._ship(riders)

    def _due(self) -> list[list[Rider]]:
        """As many as go together, wherever they are there; and whoever has waited long enough, with who is there."""
        now_us, together = self._clock.now_us(), self._rules.shared_max
        due: list[list[Rider]] = []
        for asset, riders in list(self._waiting.items()):
            rest = [one for one in riders if one.is_waiting]
            while len(rest) >= together or (rest and rest[0].due_us <= now_us):
                due.append(rest[:together])
                rest = rest[together:]
            self._waiting[asset] = rest
            if not rest:
                del self._waiting[asset]
        if not self._waiting:
            self._some.clear()
        return due
