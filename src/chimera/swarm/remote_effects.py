"""Effects in another process, seen from a manager; and the loop of that process. They meet in the store.

A manager says which grants it waits for; the process acts on what is sealed, whoever said so, and says what it is done
with. Both look at the store by themselves, so a word that is lost costs a moment. A word names many grants at once.
"""

from __future__ import annotations

import asyncio
import contextlib

from chimera.domain import refusals
from chimera.domain.errors import ChimeraError, Refused
from chimera.domain.grant import Grant, Performance, PerformanceState, Seal
from chimera.ports.bus import Message
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Reads
from chimera.swarm.bus_client import ACTED, GRANTED, BusClient
from chimera.swarm.gathering import Gathering
from chimera.swarm.loops import end_if_told, log
from chimera.swarm.performing import Acting, Performing

LOOK_SECONDS = 0.5
# What was sealed since is left to the manager's word: acted on twice at once, one of the two would find the other's.
WORD_US_MAX = 1_000_000
ASKED_AGAIN_SECONDS = 5.0
# Who comes within this is said, and looked up, together.
GATHER_SECONDS = 0.01
_ENDED = (PerformanceState.FINISHED, PerformanceState.FAILED, PerformanceState.IN_DOUBT)


_WORD_BYTES_MAX = 64 * LIST_MAX
_OPEN = (PerformanceState.STARTED, PerformanceState.IN_DOUBT)


class RemoteEffects:
    """Implements `Acting` for a manager: asks by a word on the bus, and believes what is on record."""

    def __init__(self, *, bus: BusClient, reads: Reads, clock: Clock) -> None:
        self._bus = bus
        self._reads = reads
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[Performance]] = {}
        self._versions: dict[str, int] = {}
        self._asked = Gathering(self._ask, seconds=GATHER_SECONDS, clock=clock)
        self._acted = Gathering(self._look, seconds=GATHER_SECONDS, clock=clock)

    async def perform(self, grant_id: str) -> Performance:
        """What came of it. Whoever is cancelled here has stopped nothing."""
        return await self._outcome(grant_id, after_version=0)

    async def recover(self, performance: Performance) -> Performance:
        """What becomes of an act that was begun: a later version of its record."""
        return await self._outcome(performance.id, after_version=performance.version)

    async def run(self) -> None:
        """Look at the record of whatever is waited for, on every word and every so often. Until cancelled."""
        looking = asyncio.create_task(self._look_often())
        try:
            async with contextlib.aclosing(self._bus.heard(ACTED)) as hearing:
                async for heard in hearing:
                    # After a gap everything that is waited for is looked at.
                    self._acted.offer(*(_named(heard.body) if isinstance(heard, Message) else self._waiting))
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await self._asked.close()
            await self._acted.close()

    async def _outcome(self, grant_id: str, *, after_version: int) -> Performance:
        self._versions[grant_id] = after_version
        waiting = self._waiting[grant_id] = asyncio.get_running_loop().create_future()
        try:
            while True:
                self._asked.offer(grant_id)
                with contextlib.suppress(TimeoutError):
                    async with self._clock.timeout(ASKED_AGAIN_SECONDS):
                        return await asyncio.shield(waiting)
                await self._require_valid(grant_id)
        finally:
            self._waiting.pop(grant_id, None)
            self._versions.pop(grant_id, None)

    async def _ask(self, grant_ids: tuple[str, ...]) -> None:
        self._bus.say(GRANTED, " ".join(grant_ids).encode())

    async def _require_valid(self, grant_id: str) -> None:
        """What nobody may act on any more is not waited for."""
        if await self._reads.find(Performance, grant_id) is not None:
            return
        grant = await self._reads.get(Grant, grant_id)
        if await self._reads.now_us() >= grant.terms.expires_at_us:
            raise Refused("grant_expired", "this grant has expired", where=grant_id, remedy="the gate is asked again")

    async def _look_often(self) -> None:
        while True:
            await self._clock.sleep(LOOK_SECONDS)
            self._acted.offer(*self._waiting)

    async def _look(self, grant_ids: tuple[str, ...]) -> None:
        asked = [one for one in grant_ids if one in self._waiting]
        if not asked:
            return
        try:
            for found in await self._reads.get_many(Performance, asked):
                waiting = self._waiting.get(found.id)
                is_news = found.state in _ENDED and found.version > self._versions.get(found.id, 0)
                if waiting is not None and is_news and not waiting.done():
                    waiting.set_result(found)
        except ChimeraError as error:
            log.info("outcomes are looked at again later", why=str(error))


class EffectsLoop:
    """The process that has hands: acts on every seal that is ready, and looks after what its last life began."""

    def __init__(self, *, effects: Acting, reads: Reads, bus: BusClient, clock: Clock) -> None:
        self._reads = reads
        self._bus = bus
        self._clock = clock
        self._performing = Performing(effects=effects, ended=self._ended)
        self._asked = Gathering(self._look, seconds=GATHER_SECONDS, clock=clock)
        self._done = Gathering(self._tell, seconds=GATHER_SECONDS, clock=clock)
        self._is_fenced = False

    async def run(self) -> None:
        """Until cancelled or fenced. What was under way is recovered from its record by the next life."""
        hearing = asyncio.create_task(self._hear())
        try:
            await self._recover_begun()
            while not self._is_fenced:
                await self._act_on_ready()
                end_if_told()
                await self._clock.sleep(LOOK_SECONDS)
            raise refusals.fenced("the writer of effects")
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await self._asked.close()
            await self._performing.close()
            await self._done.close()

    async def _recover_begun(self) -> None:
        """Nobody else acts under our writer: what stands there as begun was begun by a life that is over."""
        for begun in await self._reads.list(Performance, states=(str(PerformanceState.STARTED),)):
            self._performing.recover(begun)

    async def _act_on_ready(self) -> None:
        try:
            told_by_now_us = await self._reads.now_us() - WORD_US_MAX
            for seal in await self._reads.list(Seal, states=("ready",), due_before_us=told_by_now_us):
                self._performing.offer(seal.id)
        except ChimeraError as error:
            log.info("seals are looked at again later", why=str(error))

    async def _hear(self) -> None:
        async with contextlib.aclosing(self._bus.heard(GRANTED)) as hearing:
            async for heard in hearing:
                if isinstance(heard, Message):
                    self._asked.offer(*_named(heard.body))

    async def _look(self, grant_ids: tuple[str, ...]) -> None:
        """What is begun or in doubt is looked up when somebody asks, unless we are at it; the rest is acted on once."""
        try:
            found = {one.id: one for one in await self._reads.get_many(Performance, grant_ids)}
        except ChimeraError as error:
            return log.info("grants are looked at again later", grants=len(grant_ids), why=str(error))
        for grant_id in grant_ids:
            self._answer(grant_id, found.get(grant_id))

    def _answer(self, grant_id: str, performance: Performance | None) -> None:
        if performance is None:
            self._performing.offer(grant_id)
        elif performance.state in _OPEN and not performance.needs_person:
            self._performing.recover(performance)
        else:
            self._done.offer(grant_id)

    async def _ended(self, grant_id: str, outcome: Performance | ChimeraError) -> None:
        if isinstance(outcome, ChimeraError):
            self._is_fenced = self._is_fenced or outcome.code == "writer_fenced"
            log.info("a grant is not acted on", grant=grant_id[:64], why=str(outcome))
        self._done.offer(grant_id)

    async def _tell(self, grant_ids: tuple[str, ...]) -> None:
        self._bus.say(ACTED, " ".join(grant_ids).encode())


def _named(body: bytes) -> list[str]:
    """The grants that a word names: whoever says more than is looked at at once is asked about the rest again."""
    return body[:_WORD_BYTES_MAX].decode("ascii", "replace").split()[:LIST_MAX]
