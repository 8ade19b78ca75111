"""One manager: plans, claims, judges, seals and settles for the campaigns of its shards. Signs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from chimera.domain.campaign import Input
from chimera.domain.errors import ChimeraError
from chimera.domain.grant import Performance
from chimera.domain.record import SHARDS
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.governance.entrusted import Entrusted
from chimera.learning.recollection import Recollection
from chimera.pipeline.planner import Planner
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.ports.clock import Clock
from chimera.ports.dispatch import Dispatch
from chimera.ports.store import Store
from chimera.swarm.answering import Answering
from chimera.swarm.bell import Bell
from chimera.swarm.choosing import Choosing
from chimera.swarm.claiming import Claiming
from chimera.swarm.concluding import Concluding
from chimera.swarm.court import Court
from chimera.swarm.ending import Ending
from chimera.swarm.forsaking import Forsaking
from chimera.swarm.governing import Governing
from chimera.swarm.granting import Granting
from chimera.swarm.handing import Handing
from chimera.swarm.judging import Judging
from chimera.swarm.leased import Leased
from chimera.swarm.loops import forever, patiently
from chimera.swarm.performing import Acting, Performing
from chimera.swarm.planning import Planning
from chimera.swarm.preparing import Preparing
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster
from chimera.swarm.suspected import Suspected
from chimera.swarm.sweeping import Sweeping

ALL_SHARDS = tuple(range(SHARDS))


class Pace(Struct, frozen=True, kw_only=True):
    """How often each loop looks when no bell rings. Planning and claiming look ever less while nothing comes."""

    planning_seconds: float = 0.2
    claiming_seconds: float = 0.2
    idle_seconds_max: float = 0.8
    granting_seconds: float = 1.0
    sweeping_seconds: float = 1.0
    governing_seconds: float = 0.3


class Stages(Struct, frozen=True, kw_only=True):
    """The stages that a manager runs. What each may do was settled when it was built."""

    planner: Planner
    court: Court
    sealing: Sealing
    settle: Settle
    effects: Acting
    # What is known of the fleet, where several managers of one process share it.
    roster: Roster | None = None
    # Which tasks that lost leases are under way in this process: they end with it, whatever slot they are of.
    suspected: Suspected | None = None
    rhythm: Rhythm = STEADY


class Manager:
    """Nine loops over one store, each of which may die with the process at any moment."""

    def __init__(
        self,
        *,
        stages: Stages,
        store: Store,
        dispatch: Dispatch,
        clock: Clock,
        shards: Sequence[int] = ALL_SHARDS,
        pace: Pace | None = None,
        entrusted: Entrusted | None = None,
        recollection: Recollection | None = None,
    ) -> None:
        self._clock = clock
        self._dispatch = dispatch
        self._pace = pace or Pace()
        # Where a day passes in some seconds, a second of looking away is hours of it.
        self._idle_seconds_max = self._pace.idle_seconds_max if stages.rhythm.tempo == 1 else 0.0
        self.arrived, self.ready, self._granted = Bell(clock), Bell(clock), Bell(clock)
        self._roster = stages.roster or Roster(reads=store, clock=clock)
        self._governing = Governing(gate=stages.court.gate, reads=store)
        self._performing = Performing(effects=stages.effects, ended=self._ended)
        self._granting = Granting(
            sealing=stages.sealing, settle=stages.settle, court=stages.court, store=store, ready=self.ready,
            bell=self._granted, perform=self._performing.offer,
        )  # fmt: skip
        reserving = Reserving(store=store, court=stages.court)
        choosing = Choosing(store=store, roster=self._roster, specs=stages.court.contracts.specs,
                            treasury=stages.court.treasury, rhythm=stages.rhythm)  # fmt: skip
        self._leased = Leased(store=store, clock=clock, suspected=stages.suspected, held=reserving.of)
        self._claiming = Claiming(
            store=store, dispatch=dispatch, roster=self._roster, shards=shards, clock=clock,
            preparing=Preparing(Ending(store=store, clock=clock), Forsaking(store=store, court=stages.court),
                                self._leased, choosing, reserving),
            entrusted=entrusted, recollection=recollection,
        )  # fmt: skip
        self._handing = Handing(planner=stages.planner, store=store, roster=self._roster, shards=shards)
        self._answering = Answering(
            planner=stages.planner, court=stages.court, reads=store, roster=self._roster, claiming=self._claiming,
            ready=self.ready, arrived=self.arrived, shards=shards,
        )  # fmt: skip
        self._planning = Planning(
            planner=stages.planner, handing=self._handing, court=stages.court, store=store, roster=self._roster,
            claiming=self._claiming, shards=shards, answering=self._answering,
        )  # fmt: skip
        self._concluding = Concluding(
            sealing=stages.sealing, settle=stages.settle, store=store, court=stages.court, later=self._granting.offer
        )
        self._judging = Judging(
            court=stages.court, store=store, dispatch=dispatch, claiming=self._claiming, reserving=reserving,
            roster=self._roster, ready=self.ready, concluding=self._concluding,
        )  # fmt: skip
        self._sweeping = Sweeping(
            court=stages.court, store=store, settle=stages.settle, granting=self._granting,
            performing=self._performing, reserving=reserving, roster=self._roster, shards=shards,
        )  # fmt: skip

    def told(self, one: Input) -> None:
        """The intake of this process has just admitted this: nobody need look for it."""
        self._answering.tell(one)

    async def run(self) -> None:
        """Until cancelled or fenced. A crash is as good: everything goes on from the store.

        Whoever is told to end gives back what he has leased. A manager that breaks does not: what it worked on may be
        what broke it.
        """
        await patiently("governing", self._governing.once, clock=self._clock)
        await patiently("loading", self._roster.load, clock=self._clock)
        is_told = False
        try:
            waking = (self.arrived, self.ready, self._answering.came)
            async with asyncio.TaskGroup() as loops:
                for name, once, bell, seconds in self._loops():
                    most = self._idle_seconds_max if bell in waking else seconds
                    loops.create_task(forever(name, once=once, bell=bell, clock=self._clock, idle_seconds=seconds,
                                              idle_seconds_max=most))  # fmt: skip
        except asyncio.CancelledError:
            is_told = True
            raise
        finally:
            await self._close()
            if is_told:
                await self._leased.give_back()

    def _loops(self) -> tuple[tuple[str, Callable[[], Awaitable[bool]], Bell, float], ...]:
        pace, never, answering = self._pace, Bell(self._clock), self._answering
        return (
            ("planning", self._planning.once, self.arrived, pace.planning_seconds),
            # Two: while one's plans are on their way to the store, the other's are made.
            ("answering", answering.once, answering.came, pace.planning_seconds),
            ("answering more", answering.once, answering.came, pace.planning_seconds),
            ("claiming", self._claiming.once, self.ready, pace.claiming_seconds),
            ("judging", self._judging.once, never, 0.0),
            ("granting", self._granting.once, self._granted, pace.granting_seconds),
            ("sweeping", self._sweeping.once, never, pace.sweeping_seconds),
            ("handing", self._handing.once, never, pace.sweeping_seconds),
            ("governing", self._governing.once, never, pace.governing_seconds),
        )

    async def _close(self) -> None:
        for part in (self._planning, self._dispatch, self._judging, self._concluding, self._granting,
                     self._performing):  # fmt: skip
            await part.close()

    async def _ended(self, grant_id: str, outcome: Performance | ChimeraError) -> None:
        await self._granting.ended(grant_id, outcome)
