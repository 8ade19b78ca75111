"""From granted to settled: seals what was granted, a batch at a time; hands it to effects; settles what came of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.grant import Grant, Performance, Seal
from chimera.domain.task import Task
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.loops import log

SEALED_AT_ONCE_MAX = 256


class Granting:
    """A queue of granted tasks. What is lost from it in a crash is found again by sweeping."""

    def __init__(
        self, *, sealing: Sealing, settle: Settle, court: Court, store: Store, ready: Bell, bell: Bell,
        perform: Callable[[str], None],
    ) -> None:
        self._sealing = sealing
        self._settle = settle
        self._court = court
        self._store = store
        self._ready = ready
        self._bell = bell
        self._perform = perform
        self._queue: deque[tuple[Task, Grant]] = deque()
        self._known: set[str] = set()
        self._handing: set[asyncio.Task[None]] = set()

    def offer(self, task: Task, grant: Grant) -> None:
        """A granted task to be sealed, once."""
        if grant.id not in self._known:
            self._known.add(grant.id)
            self._queue.append((task, grant))
            self._bell.ring()

    def knows(self, grant_id: str) -> bool:
        """Whether a grant is on its way through here."""
        return grant_id in self._known

    async def once(self) -> bool:
        """Seal what waits; whether anything did."""
        batch = [self._queue.popleft() for _ in range(min(len(self._queue), SEALED_AT_ONCE_MAX))]
        if not batch:
            return False
        try:
            await self._seal(batch)
        except BaseException:
            # The vault or the store is away: nothing was sealed, so all of it waits again.
            self._queue.extendleft(reversed(batch))
            raise
        return True

    async def _seal(self, batch: Sequence[tuple[Task, Grant]]) -> None:
        try:
            with self._court.timed("seal"):
                seals = await self._sealing.seal([grant for _, grant in batch])
        except (Refused, Conflict) as refusal:
            return await self._seal_apart(batch, refusal)
        assert len(seals) == len(batch), "every grant of the batch is sealed"
        for task, grant in batch:
            handing = asyncio.create_task(self._hand_on(task, grant))
            self._handing.add(handing)
            handing.add_done_callback(self._handing.discard)

    async def close(self) -> None:
        """Give up what is being handed on; sweeping finds it."""
        for running in tuple(self._handing):
            running.cancel()
        await asyncio.gather(*self._handing, return_exceptions=True)

    async def _seal_apart(self, batch: Sequence[tuple[Task, Grant]], refusal: ChimeraError) -> None:
        """Find the one that the vault refuses; the others are sealed."""
        if len(batch) > 1:
            half = len(batch) // 2
            await self._seal(batch[:half])
            await self._seal(batch[half:])
            return
        task, grant = batch[0]
        self._known.discard(grant.id)
        if isinstance(refusal, Refused):
            await self._settle.lapse(task, grant, None, why=f"the vault refused: {refusal.message}", again=False)
        log.warning("not sealed", grant=grant.id, why=str(refusal))

    async def _hand_on(self, task: Task, grant: Grant) -> None:
        if grant.action.is_internal:
            await self._settle_quietly(task, grant, None)
        else:
            self._perform(grant.id)
        self._known.discard(grant.id)

    async def settled(self, performance: Performance) -> None:
        """Effects is done with a grant: end its task."""
        task = await self._store.get(Task, performance.task_id)
        grant = await self._store.get(Grant, performance.id)
        if task.grant_id == grant.id:
            await self._settle_quietly(task, grant, performance)

    async def refused(self, grant_id: str, refusal: Refused) -> None:
        """Effects refused a grant: expired ones go back to the gate, others are over. A halt only postpones."""
        if refusal.code in ("halted", "grant_used", "grant_unsealed"):
            return
        grant = await self._store.get(Grant, grant_id)
        task = await self._store.get(Task, grant.terms.task_id)
        if task.grant_id == grant_id:
            await self._settle.lapse(
                task,
                grant,
                await self._store.find(Seal, grant_id),
                why=refusal.message,
                again=refusal.code == "grant_expired",
            )

    async def _settle_quietly(self, task: Task, grant: Grant, performance: Performance | None) -> None:
        try:
            with self._court.timed("settle"):
                settled = await self._settle.finish(task, grant, performance)
        except ChimeraError as error:
            log.warning("settled later", task=task.id, why=str(error))
            return
        if settled is not None:
            self._court.meter.settled(settled, self._court.clock.now_us())
            self._ready.ring()
