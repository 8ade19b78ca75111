"""Holds slots of shards by lease, and runs one manager for each. Takes over what is silent, gives back a surplus.

What a slot's manager may still do after its lease is decided by the fence of its writer, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from chimera.domain.errors import ChimeraError, Conflict
from chimera.domain.record import SHARDS
from chimera.ports.clock import Clock
from chimera.ports.slots import Slots
from chimera.swarm.loops import end_if_told, log, patiently

LEASE_SECONDS = 2.0
RENEW_SECONDS = 0.4
# Less than a lease: whoever waits for one slot's end still renews the others.
ENDS_SECONDS_MAX = 1.0
RENEWALS_IN_A_LEASE = 5
# Long enough to close what a manager has open; it is interrupted then.
TELLS_AGAIN_SECONDS = 10.0
# A fleet in one process: taken for longer, since nobody waits to take over. Whatever the number of slots is elsewhere.
ALONE_LEASE_SECONDS, ALONE_RENEW_SECONDS = 10.0, 2.0
ROUNDS_MAX = 10
EVERY = range(SHARDS)


def shards_of(number: int, *, count: int) -> tuple[int, ...]:
    """The shards of one slot among so many. Every shard belongs to exactly one."""
    return tuple(range(number, SHARDS, count))


class Holding:
    """One manager process's share of the slots."""

    def __init__(
        self,
        *,
        slots: Slots,
        holder: str,
        count: int,
        run_slot: Callable[[int], Coroutine[Any, Any, None]],
        clock: Clock,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._lease_seconds = lease_seconds
        self._slots = slots
        self._holder = holder
        self._numbers = tuple(range(count))
        self._run_slot = run_slot
        self._clock = clock
        self._running: dict[int, asyncio.Task[None]] = {}
        self._stray: dict[asyncio.Task[None], int] = {}
        # A newcomer is counted before it takes anything.
        self._takes_part = False

    @property
    def held(self) -> tuple[int, ...]:
        """The slots whose managers run here."""
        return tuple(sorted(self._running))

    async def run(self) -> None:
        """Until cancelled; then all is given back, so that others need not wait for the leases to end."""
        try:
            while True:
                await self._once()
                end_if_told()
                await self._clock.sleep(self._lease_seconds / RENEWALS_IN_A_LEASE)
        finally:
            await self._end(tuple(self._running))
            await self._slots.leave(self._holder)

    async def _once(self) -> None:
        """A store that is away takes nothing from us: whoever else got our slots would have fenced us."""
        try:
            fair = await self._fair_share() if self._takes_part else 0
            mine = await self._slots.hold(
                self._holder, self._numbers, more=fair - len(self._running), lease_seconds=self._lease_seconds
            )
        except ChimeraError as error:
            return log.warning("slots are held again later", why=str(error))
        self._takes_part = True
        self._tell_again()
        await self._end([one for one, running in self._running.items() if one not in mine or running.done()])
        for number in sorted(mine - self._running.keys()):
            self._running[number] = asyncio.create_task(self._run_slot(number), name=f"slot-{number}")
        await self._end(self.held[fair:] if fair else ())

    async def _fair_share(self) -> int:
        """So many that all who hold have about as many; a newcomer counts itself."""
        return -(-len(self._numbers) // max(1, await self._slots.holders()))

    async def _end(self, numbers: Sequence[int]) -> None:
        """What does not end when told to keeps nobody waiting: whoever opens its writer anew fences it."""
        ending = {number: self._running.pop(number) for number in numbers}
        for running in ending.values():
            running.cancel()
        if ending:
            await asyncio.wait(ending.values(), timeout=ENDS_SECONDS_MAX)
        for number, running in ending.items():
            self._tell_end(number, running)
            try:
                await self._slots.leave(self._holder, number)
            except ChimeraError as error:
                log.info("a slot is left to its lease", slot=number, why=str(error))

    def _tell_again(self) -> None:
        """Told while it began, a driver may have taken that for a fault: it would run here for ever, fenced or idle."""
        for running, told_us in self._stray.items():
            if self._clock.now_us() - told_us >= TELLS_AGAIN_SECONDS * 1_000_000:
                self._stray[running] = self._clock.now_us()
                running.cancel()

    def _tell_end(self, number: int, running: asyncio.Task[None]) -> None:
        if not running.done():
            self._stray[running] = self._clock.now_us()
            running.add_done_callback(lambda one: self._stray.pop(one, None))
            log.warning("the manager of a slot does not end", slot=number)
        elif not running.cancelled() and (error := running.exception()) is not None:
            log.warning("the manager of a slot ended", slot=number, why="; ".join(_causes(error)))


class Alone:
    """Every slot, for the manager of a fleet in one process: beside it no manager process gets a shard."""

    def __init__(self, *, slots: Slots, holder: str, clock: Clock) -> None:
        self._slots = slots
        self._holder = holder
        self._clock = clock

    async def take(self) -> None:
        """All of them, once the leases of the dead are over; or that somebody else is at work."""
        for _ in range(ROUNDS_MAX):
            if await self._holds_all():
                return
            await self._clock.sleep(RENEW_SECONDS)
        await self.leave()
        raise _others()

    async def keep(self) -> None:
        """Until cancelled. A store that is away takes nothing from us: whoever else got a slot has fenced us."""
        while await patiently("slots", self._holds_all, clock=self._clock):
            end_if_told()
            await self._clock.sleep(ALONE_RENEW_SECONDS)
        raise _others()

    async def leave(self) -> None:
        """Give all back at once."""
        await self._slots.hold(self._holder, EVERY, more=0, lease_seconds=0.0)
        await self._slots.leave(self._holder)

    async def _holds_all(self) -> bool:
        held = await self._slots.hold(self._holder, EVERY, more=len(EVERY), lease_seconds=ALONE_LEASE_SECONDS)
        return len(held) == len(EVERY)


def _causes(error: BaseException) -> list[str]:
    """What stands behind a group of errors, each in its words."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [cause for part in group.exceptions for cause in _causes(part)]
    return [f"{type(error).__name__}: {error}"]


def _others() -> Conflict:
    return Conflict("managers_at_work", "manager processes work on this installation", where="this fleet",
                    remedy="stop them, or run `chimera office` beside them")  # fmt: skip
