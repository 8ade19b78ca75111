"""Who works on the tasks of a manager process: worker processes, or workers in its own. Decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from chimera.adapters.gateway.client import GatewayModel
from chimera.adapters.postgres.store import PostgresStore
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.dispatch import StreamDispatch
from chimera.assembly.guarding import guarded
from chimera.assembly.outside import Minds, Outside
from chimera.assembly.rules import Rules
from chimera.assembly.signals import Signals
from chimera.assembly.stages import worker_of
from chimera.domain.presence import Heard
from chimera.domain.work import Assignment
from chimera.governance.entrusted import Entrusted
from chimera.governance.identity import slices
from chimera.governance.identity.slices import ManagersPass
from chimera.ports.dispatch import Dispatch
from chimera.ports.model import ModelRequest
from chimera.processes.lines import line_of, manager_key
from chimera.settings import Settings
from chimera.swarm.doubting import DoubtingDispatch
from chimera.swarm.pool import Pool


class Crew(Struct, frozen=True, kw_only=True):
    """Who works on the tasks of one slot, and what its manager thinks with."""

    dispatch: Dispatch
    minds: Minds
    entrusted: Entrusted


class Crews(Protocol):
    """How tasks are worked on: by worker processes, or in the manager's own."""

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """For one slot, until the stack is left."""
        ...

    @property
    def needs_workers(self) -> bool:
        """Whether it is worker processes who work."""
        ...

    def heard(self) -> Sequence[Heard]:
        """Which worker processes are heard now."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


class FarCrews:
    """Worker processes, over Streams; models and tools are the gateway's. No key of a model is in this process."""

    def __init__(self, settings: Settings, valkey: Valkey, signals: Signals) -> None:
        self._valkey = valkey
        self._signals = signals
        self._clock = SystemClock()
        self._line = line_of(settings)
        self._key = manager_key(settings)
        self._pass = ManagersPass(key=self._key, clock=self._clock)
        self._streams: dict[int, StreamDispatch] = {}

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """The workers that are there, by a stream of this slot's own."""
        streams = StreamDispatch(self._valkey, ValkeyBus(self._valkey), reply=f"{store.writer}.{store.epoch}",
                                 token_for=self._token_for, clock=self._clock)  # fmt: skip
        await streams.open()
        stack.enter_context(self._signals.watched(slot, streams))
        self._streams[slot] = streams
        stack.callback(self._streams.pop, slot, None)
        judge = GatewayModel(self._line, self._own_token, kind="judge")
        minds = Minds(model=GatewayModel(self._line, self._own_token), judge_model=judge)
        dispatch = DoubtingDispatch(streams, self._line.stands, self._clock)
        return Crew(dispatch=dispatch, minds=minds, entrusted=Entrusted())

    @property
    def needs_workers(self) -> bool:
        """Yes: nobody else would."""
        return True

    def heard(self) -> Sequence[Heard]:
        """Every slot hears the same."""
        return next((one.heard for one in tuple(self._streams.values())), ())

    async def close(self) -> None:
        """Leave the gateway."""
        await self._line.close()

    def _token_for(self, assignments: Sequence[Assignment]) -> str:
        return slices.signed(assignments, key=self._key, clock=self._clock)

    def _own_token(self, request: ModelRequest) -> str:
        return self._pass.token()


class OwnCrews:
    """Workers in this process, with models and reading tools of its own: nothing goes over Streams or the gateway."""

    def __init__(self, settings: Settings, outside: Outside, signals: Signals) -> None:
        self._settings = settings
        self._outside = outside
        self._signals = signals
        # Each slot has its share of them, whether this process holds one or all.
        self._workers = max(1, settings.workers // settings.manager_slots)

    async def crew(self, stack: contextlib.AsyncExitStack, store: PostgresStore, *, slot: int, written: Rules) -> Crew:
        """Workers for this slot alone."""
        entrusted = Entrusted()
        tools = guarded(self._settings, self._outside.tools, entrusted)
        worker = worker_of(self._settings, written, self._outside.model, tools)
        pool = Pool(worker.work, workers=self._workers, clock=SystemClock())
        stack.enter_context(self._signals.watched(slot, pool))
        return Crew(dispatch=pool, minds=self._outside, entrusted=entrusted)

    @property
    def needs_workers(self) -> bool:
        """No: its own do."""
        return False

    def heard(self) -> Sequence[Heard]:
        """It does not listen."""
        return ()

    async def close(self) -> None:
        """Nothing is held open."""
