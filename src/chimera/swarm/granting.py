"""From granted to settled: seals what was granted, a batch at a time; hands it to effects; settles what came of it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from chimera.domain.errors import ChimeraError, Conflict, Refused
from chimera.domain.grant import Grant, Performance, Seal
from chimera.domain.granted import Granted
from chimera.domain.task import Task
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.loops import log

SEALED_AT_ONCE_MAX = 256
_POSTPONED = ("halted", "grant_used", "grant_unsealed")


class Granting:
    """A queue of granted tasks. What is lost from it in a crash is found again by sweeping."""

    def __init__(
        self, *, sealing: Sealing, settle: Settle, court: Court, store: Store, ready: Bell, bell: Bell,
        perform: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._sealing = sealing
        self._settle = settle
        self._court = court
        self._store = store
        self._ready = ready
        self._bell = bell
        self._perform = perform
        self._queue: deque[Granted] = deque()
        self._known: dict[str, Granted] = {}
        self._settling: set[asyncio.Task[None]] = set()

    def offer(self, granted: Granted) -> None:
        """A granted task to be sealed, once."""
        if granted.grant.id not in self._known:
            self._known[granted.grant.id] = granted
            self._queue.append(granted)
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

    async def ended(self, grant_id: str, outcome: Performance | ChimeraError) -> None:
        """Effects is done with a grant, one way or another."""
        granted = self._known.pop(grant_id, None)
        match outcome:
            case Performance():
                await self._finish(granted or await self._read(outcome.id, outcome.task_id), outcome)
            case Refused() if outcome.code not in _POSTPONED:
                await self._give_up(granted, grant_id, outcome)
            case _:
                log.info("a grant is looked at again later", grant=grant_id, why=str(outcome))

    async def close(self) -> None:
        """Give up what is being settled; sweeping finds it."""
        for running in tuple(self._settling):
            running.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)

    async def _seal(self, batch: Sequence[Granted]) -> None:
        in_house = {granted.grant.id: end for granted in batch if (end := self._settle.in_house(granted))}
        try:
            with self._court.timed("seal"):
                ends = [change for _, change in in_house.values()]
                await self._sealing.seal([granted.grant for granted in batch], along=ends)
        except (Refused, Conflict) as refusal:
            return await self._seal_apart(batch, refusal)
        for granted in batch:
            if granted.grant.id in in_house:
                self._ended_in_house(granted, in_house[granted.grant.id][0])
            else:
                self._hand_on(granted)

    def _ended_in_house(self, granted: Granted, task: Task) -> None:
        self._known.pop(granted.grant.id, None)
        self._court.meter.settled(task, self._court.clock.now_us())

    async def _seal_apart(self, batch: Sequence[Granted], refusal: ChimeraError) -> None:
        """Find the one that the vault refuses; the others are sealed."""
        if len(batch) > 1:
            half = len(batch) // 2
            await self._seal(batch[:half])
            await self._seal(batch[half:])
            return
        granted = batch[0]
        self._known.pop(granted.grant.id, None)
        # A halt only postpones: sweeping brings the grant here again, or lets it lapse when it has expired.
        if isinstance(refusal, Refused) and refusal.code not in self._postponed(granted):
            again = await self._has_expired(granted) or self._is_overtaken(granted)
            await self._settle.lapse(granted, None, why=f"the vault refused: {refusal.message}", again=again)
        log.warning("not sealed", grant=granted.grant.id, why=str(refusal))

    def _is_overtaken(self, granted: Granted) -> bool:
        """Whether another policy is in force than the one it was granted under: then the gate is asked anew."""
        return granted.grant.terms.policy_digest != self._court.gate.policy_digest

    def _postponed(self, granted: Granted) -> tuple[str, ...]:
        """What only postpones. A vault that knows another policy than the gate will be told, or the gate will."""
        return _POSTPONED if self._is_overtaken(granted) else (*_POSTPONED, "vault_policy_differs")

    def _hand_on(self, granted: Granted) -> None:
        """Acts go to effects; what stays in the house is settled at once."""
        if not granted.grant.action.is_internal:
            return self._perform(granted.grant.id)
        settling = asyncio.create_task(self._finish(granted, None))
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)

    async def _give_up(self, granted: Granted | None, grant_id: str, refusal: Refused) -> None:
        """Effects refused: an expired grant goes back to the gate, any other is over."""
        grant = await self._store.get(Grant, grant_id)
        granted = granted or await self._read(grant_id, grant.terms.task_id)
        if granted.task.grant_id == grant_id:
            seal = await self._store.find(Seal, grant_id)
            again = await self._has_expired(granted)
            await self._settle.lapse(granted, seal, why=refusal.message, again=again)

    async def _has_expired(self, granted: Granted) -> bool:
        """Whoever says no to a grant that is over: it was too late, and the gate is asked again."""
        return await self._store.now_us() >= granted.grant.terms.expires_at_us

    async def _read(self, grant_id: str, task_id: str) -> Granted:
        return Granted(task=await self._store.get(Task, task_id), grant=await self._store.get(Grant, grant_id))

    async def _finish(self, granted: Granted, performance: Performance | None) -> None:
        try:
            if granted.task.grant_id == granted.grant.id:
                with self._court.timed("settle"):
                    settled = await self._settle.finish(granted, performance)
                if settled is not None:
                    self._court.meter.settled(settled, self._court.clock.now_us())
                    if settled.opens or not settled.is_final:
                        self._ready.ring()
        except ChimeraError as error:
            log.warning("settled later", task=granted.task.id, why=str(error))
        finally:
            self._known.pop(granted.grant.id, None)
