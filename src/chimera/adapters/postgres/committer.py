"""Group commit: what waits goes in one transaction, one at a time, and everyone learns the truth about their change.

Does not know SQL. While the database is away nothing is lost: changes wait, for a bounded time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from chimera.adapters.postgres.batch import Entry, Waiting, arrays_of, sound
from chimera.adapters.postgres.faults import DRIVER_ERRORS, Fault, fault_of
from chimera.adapters.postgres.line import Faults, Line
from chimera.adapters.postgres.movements import Standing
from chimera.adapters.postgres.patience import Patience, unreachable, unresolved
from chimera.domain import refusals
from chimera.domain.errors import Conflict, Unavailable
from chimera.domain.rows import Written

ATTEMPTS_MAX = 4
ANSWERED_AT_ONCE_MAX = 24


class Committer:
    """Takes changes from any number of coroutines and commits them over one line.

    Where many come, its batches keep `apart_seconds` between their beginnings: what a commit costs by itself is paid by
    more changes, and who writes beside it waits less for processor and disk. Who comes alone is not kept waiting.
    """

    def __init__(self, line: Line, writer: str, patience: Patience, *, apart_seconds: float = 0.0) -> None:
        self._line = line
        self._writer = writer
        self._patience = patience
        self._apart_seconds = apart_seconds
        # When the next batch may begin, by the loop's clock.
        self._next_at = 0.0
        self._waiting = Waiting()
        self._standing = Standing()
        self._running: asyncio.Task[None] | None = None
        self._fenced = False

    async def commit(self, written: Written) -> None:
        """Until the change is on disk, or refused."""
        if self._fenced:
            raise refusals.fenced(self._writer)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(Entry(written, done))
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name=f"commits of {self._writer}")
        await done

    async def close(self) -> None:
        """Wait for what is under way; then nothing more is taken."""
        if self._running is not None:
            await self._running
        self._fenced = True

    async def _run(self) -> None:
        batch: Sequence[Entry] = ()
        try:
            while self._waiting:
                await self._keep_apart()
                batch = self._waiting.take()
                self._begins(batch)
                if kept := sound(batch):
                    await self._settle(kept)
        except BaseException as error:
            # A bug or a cancelled process: nobody may be left waiting for an answer that never comes.
            failure = Unavailable(
                "commit_unresolved",
                f"the commit was broken off: {error!r}",
                remedy="read the record again: a repeated change is stale if the first was written",
            )
            for entry in (*batch, *self._waiting.drain()):
                entry.fail(failure)
            raise
        finally:
            self._running = None

    async def _keep_apart(self) -> None:
        if self._next_at and (early_seconds := self._next_at - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(early_seconds)

    def _begins(self, batch: Sequence[Entry]) -> None:
        is_apart = self._apart_seconds and len(batch) > 1
        self._next_at = asyncio.get_running_loop().time() + self._apart_seconds if is_apart else 0.0

    async def _settle(self, batch: Sequence[Entry]) -> None:
        """Send the batch until every change in it has its answer."""
        unseen = self._standing.unseen([movement for entry in batch for movement in entry.written.movements])
        arrays = arrays_of(batch, unseen)
        for _ in range(ATTEMPTS_MAX):
            try:
                faults = await self._send(len(batch), arrays)
            except DRIVER_ERRORS as error:
                fault = fault_of(error)
                if fault is Fault.AGAIN:
                    continue
                await self._handle(fault, error, batch)
                return
            except (Conflict, Unavailable) as error:
                self._fail_all(batch, error)
                return
            if not faults:
                self._standing.saw(unseen)
            _answer(batch, faults)
            return
        await self._bisect(batch, "others were in the way every time")

    async def _handle(self, fault: Fault, error: Exception, batch: Sequence[Entry]) -> None:
        if fault is Fault.FENCED:
            self._fail_all(batch, self._fence())
        elif fault is Fault.DENIED:
            self._fail_all(batch, refusals.not_permitted(str(error)))
        else:
            await self._bisect(batch, str(error))

    async def _bisect(self, batch: Sequence[Entry], why: str) -> None:
        """One change spoils the batch: find it, so that it fails alone."""
        if len(batch) == 1:
            batch[0].fail(refusals.not_storable(why))
            return
        middle = len(batch) // 2
        await self._settle(batch[:middle])
        await self._settle(batch[middle:])

    async def _send(self, changes: int, arrays: Sequence[Any]) -> Faults:
        """Send the batch; when the connection is lost, find out whether it was committed, and if not send it again."""
        if not self._line.is_open:
            return await self._send_again(changes, arrays, sent=False)
        try:
            return await self._line.send(changes, arrays)
        except DRIVER_ERRORS as error:
            if fault_of(error) is not Fault.LOST:
                raise
        return await self._send_again(changes, arrays, sent=True)

    async def _send_again(self, changes: int, arrays: Sequence[Any], *, sent: bool) -> Faults:
        try:
            async for _ in self._patience.attempts(f"the store of {self._writer}"):
                try:
                    self._line.drop()
                    faults = await self._reopen(sent=sent)
                    if faults is None:
                        sent = True
                        faults = await self._line.send(changes, arrays)
                    return faults
                except DRIVER_ERRORS as error:
                    if fault_of(error) is not Fault.LOST:
                        raise
                    self._patience.met(error)
        except Unavailable as error:
            raise unresolved(f"the store of {self._writer}") if sent else error from None
        raise AssertionError("patience ends by raising")

    async def _reopen(self, *, sent: bool) -> Faults | None:
        """Continue the writer. What the batch was answered if it was sent and committed, or None."""
        try:
            await self._line.open()
        except DRIVER_ERRORS as error:
            if fault_of(error) is not Fault.FENCED:
                raise
            faults = await self._line.answer() if sent else None
            if faults is None:
                raise self._fence() from error
            self._fence()
            return faults
        return await self._line.answer() if sent else None

    def _fence(self) -> Conflict:
        self._fenced = True
        return refusals.fenced(self._writer)

    def _fail_all(self, batch: Sequence[Entry], error: Exception) -> None:
        for entry in batch:
            entry.fail(error)
        # Whoever waits would wait as long again for the same answer.
        behind = unreachable(f"the store of {self._writer}") if isinstance(error, Unavailable) else error
        for entry in self._waiting.drain() if self._fenced or behind is not error else ():
            entry.fail(behind)


def _answer(batch: Sequence[Entry], faults: Faults) -> None:
    """A few at a time: whoever is answered runs at once, and in between the loop can send the next batch."""
    _answer_some(list(enumerate(batch, start=1)), faults)


def _answer_some(answers: Sequence[tuple[int, Entry]], faults: Faults) -> None:
    for change, entry in answers[:ANSWERED_AT_ONCE_MAX]:
        if change in faults:
            entry.fail(refusals.refusal(*faults[change]))
        else:
            entry.resolve()
    if later := answers[ANSWERED_AT_ONCE_MAX:]:
        asyncio.get_running_loop().call_soon(_answer_some, later, faults)
