"""Ends tasks whose act stays in the house in the very commit that decides about them (ADR-184): sealed before it.

Nothing goes out by it. Whatever vault or store refuse takes the long way: granted first, sealed and ended afterwards.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from chimera.domain.change import Change, fused, joined
from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.grant import Grant
from chimera.domain.granted import Granted
from chimera.domain.task import Task
from chimera.pipeline.sealing import Sealing, Signed
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.swarm.court import Court
from chimera.swarm.hearing import Consequence
from chimera.swarm.loops import log

CONCLUDED_AT_ONCE_MAX = 256
# While one batch is on its way to disk the next ones are signed: a vault's turn and a commit's are waited for together.
COMMITTED_AT_ONCE_MAX = 4


class Ending:
    """One decision on its way with its end, and who waits for it: true once it is on record."""

    __slots__ = ("change", "done", "grant")

    def __init__(self, grant: Grant, change: Change) -> None:
        self.grant = grant
        self.change = change
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def answer(self, *, is_on_record: bool) -> None:
        """Whether it is on record; if not, it has to take the long way."""
        if not self.done.done():
            self.done.set_result(is_on_record)

    def fail(self, error: BaseException) -> None:
        """The store refused this one."""
        if not self.done.done():
            self.done.set_exception(error)


class Concluding:
    """One signature and one commit for all that wait."""

    def __init__(
        self, *, sealing: Sealing, settle: Settle, store: Store, court: Court, later: Callable[[Granted], None]
    ) -> None:
        self._sealing = sealing
        self._settle = settle
        self._store = store
        self._court = court
        # What is granted and on record without its seal.
        self.later = later
        self._waiting: deque[Ending] = deque()
        self._running: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def conclude(self, step: Consequence) -> Task | None:
        """The task as it ended. None where its decision has to be committed first: nothing of it is on record."""
        end = self._settle.in_house(step.granted) if step.granted else None
        if step.granted is None or end is None:
            return None
        task, change = end
        ending = Ending(step.granted.grant, fused(step.change, change))
        self._waiting.append(ending)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="concluding")
        return replace(task, version=step.granted.task.version) if await ending.done else None

    async def close(self) -> None:
        """Give up what waits; its leases run out."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        for ending in tuple(self._ending):
            ending.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _run(self) -> None:
        batch: Sequence[Ending] = ()
        try:
            while batch := self._take():
                if signed := await self._signed(batch):
                    await self._hand_on(batch, signed)
        finally:
            for ending in (*batch, *self._waiting):
                ending.done.cancel()
            self._waiting.clear()
            self._running = None

    def _take(self) -> list[Ending]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), CONCLUDED_AT_ONCE_MAX))]

    async def _signed(self, batch: Sequence[Ending]) -> Signed | None:
        try:
            with self._court.timed("seal"):
                return await self._sealing.sign([ending.grant for ending in batch])
        except ChimeraError as error:
            log.info("decided first, sealed later", grants=len(batch), why=str(error))
            _answer(batch, is_on_record=False)
            return None

    async def _hand_on(self, batch: Sequence[Ending], signed: Signed) -> None:
        """To the store, beside those that are on their way there; not more than a few."""
        while len(self._ending) >= COMMITTED_AT_ONCE_MAX:
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)
        ending = asyncio.create_task(self._end(batch, signed), name="concluding one batch")
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, batch: Sequence[Ending], signed: Signed) -> None:
        try:
            await self._commit(batch, signed)
        finally:
            for ending in batch:
                ending.done.cancel()

    async def _commit(self, batch: Sequence[Ending], signed: Signed) -> None:
        try:
            await self._store.commit(joined((signed.whole, *(ending.change for ending in batch))))
        except (Conflict, Refused):
            await self._end_apart(batch, signed)
        except ChimeraError as error:
            for ending in batch:
                ending.fail(error)
        else:
            _answer(batch, is_on_record=True)

    async def _end_apart(self, batch: Sequence[Ending], signed: Signed) -> None:
        """Something among them is refused. The signature is good for the others: it goes first, and each by itself."""
        apart = [replace(ending.change, records=(*ending.change.records, seal))
                 for ending, seal in zip(batch, signed.seals, strict=True)]  # fmt: skip
        first, *answers = await asyncio.gather(
            *(self._store.commit(change) for change in (signed.batch, *apart)), return_exceptions=True
        )
        for ending, error in zip(batch, answers, strict=True):
            if first is not None or error is not None:
                ending.fail(error or first or AssertionError("one of them is there"))
            else:
                ending.answer(is_on_record=True)


def _answer(batch: Sequence[Ending], *, is_on_record: bool) -> None:
    for ending in batch:
        ending.answer(is_on_record=is_on_record)
