"""The ports of a simulated process, with everything that goes wrong at them. What goes wrong, the seed decides."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from chimera.adapters.memory.store import MemoryStore
from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.agent import Agent
from chimera.domain.budget import Window
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.dossier import Dossier
from chimera.domain.errors import Refused, Unavailable
from chimera.domain.event import Link
from chimera.domain.grant import Terms
from chimera.domain.record import Record
from chimera.domain.task import Task
from chimera.domain.work import Assignment, Result
from chimera.ports.attestor import Attestation, Attestor
from chimera.ports.clock import Clock
from chimera.ports.model import Model, ModelAnswer, ModelRequest
from chimera.ports.publisher import Order, Outcome, Publisher, Trace, Traits
from chimera.ports.sealer import Sealer, SignedRoot
from chimera.ports.store import LIST_MAX, NONE_LIMITED, Changed, Head
from chimera.ports.tools_read import ToolAnswer
from chimera.swarm.pool import Pool
from chimera.testing.simulation.odds import NO_FAULTS, Odds
from chimera.testing.simulation.processes import Process
from chimera.testing.simulation.witness import Witness

R = TypeVar("R", bound=Record)
_AWAY = Unavailable("store_away", "the store does not answer", where="simulation", remedy="it is tried again")


class Fate:
    """The dice of one concern against odds that the world may change at any time."""

    def __init__(self, dice: random.Random, odds: Odds) -> None:
        self._dice = dice
        self.odds = odds

    def strikes(self, chance: float) -> bool:
        """Whether it happens this time."""
        return chance > 0 and self._dice.random() < chance

    def seconds(self, most: float) -> float:
        """Up to so long."""
        return self._dice.uniform(0, most)

    def calm(self) -> None:
        """From now on nothing goes wrong."""
        self.odds = NO_FAULTS


class FaultyStore:
    """A `ports.store.Store` of one process: it may be away or slow; the process may die on either side of a commit."""

    def __init__(self, store: MemoryStore, *, process: Process, fate: Fate, witness: Witness, clock: Clock) -> None:
        self._store = store
        self._process = process
        self._fate = fate
        self._witness = witness
        self._clock = clock

    @property
    def writer(self) -> str:
        """Whose chain this is."""
        return self._store.writer

    async def commit(self, change: Change) -> None:
        """As the store does, and everything that can happen around it."""
        await self._arrive()
        if self._fate.strikes(self._fate.odds.crash_before):
            self._die("before a commit")
        await self._store.commit(change)
        self._witness.committed(self._store.writer, change)
        if self._fate.strikes(self._fate.odds.crash_after):
            self._die("after a commit")
        if self._fate.strikes(self._fate.odds.freeze):
            self._witness.note(f"{self._process.name} freezes after a commit")
            self._process.freeze(self._fate.seconds(60.0))
        await self._linger()
        await self._process.at_port()

    async def claim(
        self, *, shards: Sequence[int], limit: int, lease_seconds: float, most: Mapping[str, int] = NONE_LIMITED
    ) -> tuple[Task, ...]:
        """As the store does."""
        await self._arrive()
        tasks = await self._store.claim(shards=shards, limit=limit, lease_seconds=lease_seconds, most=most)
        if tasks:
            self._witness.leased(tasks)
            if self._fate.strikes(self._fate.odds.crash_after):
                self._die("after a lease")
        return tasks

    async def _arrive(self) -> None:
        await self._process.at_port()
        if self._fate.strikes(self._fate.odds.store_away):
            raise _AWAY
        await self._linger()
        await self._process.at_port()

    async def _linger(self) -> None:
        """The way takes a moment, in which others get on."""
        if self._fate.strikes(self._fate.odds.commit_slow):
            await self._clock.sleep(self._fate.seconds(0.4))

    def _die(self, when: str) -> None:
        self._witness.note(f"{self._process.name} crashes {when}")
        self._process.crash()
        self._process.require_alive()

    async def _read(self) -> None:
        await self._process.at_port()
        if self._fate.strikes(self._fate.odds.store_away / 10):
            raise _AWAY

    async def now_us(self) -> int:
        """The store's clock."""
        await self._process.at_port()
        return await self._store.now_us()

    async def find(self, kind: type[R], identifier: str) -> R | None:
        """As the store does."""
        await self._read()
        return await self._store.find(kind, identifier)

    async def list_of(self, kind: type[R], scopes: Sequence[str]) -> tuple[R, ...]:
        """As the store does."""
        await self._read()
        return await self._store.list_of(kind, scopes)

    async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
        """As the store does."""
        await self._read()
        return await self._store.versions(kind, after=after)

    async def changed(self, kind: type[Agent] | type[Campaign], *, since: int | None = None) -> Changed:
        """As the store does."""
        await self._read()
        return await self._store.changed(kind, since=since)

    async def dossier(self, grant_id: str) -> Dossier:
        """As the store does."""
        await self._read()
        return await self._store.dossier(grant_id)

    async def get(self, kind: type[R], identifier: str) -> R:
        """As the store does."""
        await self._read()
        return await self._store.get(kind, identifier)

    async def get_many(self, kind: type[R], identifiers: Sequence[str]) -> tuple[R, ...]:
        """As the store does."""
        await self._read()
        return await self._store.get_many(kind, identifiers)

    async def list(
        self,
        kind: type[R],
        *,
        states: Sequence[str] = (),
        scope: str | None = None,
        shards: Sequence[int] | None = None,
        due_before_us: int | None = None,
        after: str = "",
        limit: int = LIST_MAX,
    ) -> tuple[R, ...]:
        """As the store does."""
        await self._read()
        return await self._store.list(
            kind, states=states, scope=scope, shards=shards, due_before_us=due_before_us, after=after, limit=limit
        )

    async def count(self, kind: type[Record]) -> dict[str, int]:
        """As the store does."""
        await self._read()
        return await self._store.count(kind)

    async def windows(self, identifiers: Sequence[str] = ()) -> tuple[Window, ...]:
        """As the store does."""
        await self._read()
        return await self._store.windows(identifiers)

    async def windows_of(self, span: str, *, gone_bp_min: int = 0) -> tuple[Window, ...]:
        """As the store does."""
        await self._read()
        return await self._store.windows_of(span, gone_bp_min=gone_bp_min)

    async def windows_page(
        self, spans: Sequence[str], *, scope: str = "", after: str = "", limit: int = LIST_MAX
    ) -> tuple[Window, ...]:
        """As the store does."""
        await self._read()
        return await self._store.windows_page(spans, scope=scope, after=after, limit=limit)

    async def halted(self) -> frozenset[str]:
        """As the store does."""
        await self._read()
        return await self._store.halted()

    async def heads(self) -> tuple[Head, ...]:
        """As the store does."""
        await self._read()
        return await self._store.heads()

    async def links(self, writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]:
        """As the store does."""
        await self._read()
        return await self._store.links(writer, after_seq=after_seq, limit=limit)

    async def links_of(self, after: Mapping[str, int], *, limit: int) -> tuple[Link, ...]:
        """As the store does."""
        await self._read()
        return await self._store.links_of(after, limit=limit)

    async def close(self) -> None:
        """Nothing is held open."""


class FaultyVault:
    """A `ports.sealer.Sealer` that is sometimes away, and sometimes signed and could not say so."""

    def __init__(self, vault: Sealer, *, process: Process, fate: Fate) -> None:
        self._vault = vault
        self._process = process
        self._fate = fate

    async def seal(self, leaves: Sequence[Terms]) -> SignedRoot:
        """As the vault does, if it answers."""
        await self._process.at_port()
        if self._fate.strikes(self._fate.odds.vault_away / 2):
            raise Unavailable(
                "vault_unavailable",
                "the vault is away",
                where="simulation",
                remedy="it is started again by itself; chimera doctor says more",
            )
        signed = await self._vault.seal(leaves)
        if self._fate.strikes(self._fate.odds.vault_away / 2):
            raise Unavailable(
                "vault_unavailable",
                "the vault's answer was lost",
                where="simulation",
                remedy="it is started again by itself; chimera doctor says more",
            )
        return signed


class FaultyAttestor:
    """A `ports.attestor.Attestor` that is sometimes away."""

    def __init__(self, vault: Attestor, *, process: Process, fate: Fate) -> None:
        self._vault = vault
        self._process = process
        self._fate = fate

    async def attest(self, statement: bytes) -> Attestation:
        """As the vault does, if it answers."""
        await self._process.at_port()
        if self._fate.strikes(self._fate.odds.vault_away):
            raise Unavailable(
                "vault_unavailable",
                "the vault is away",
                where="simulation",
                remedy="it is started again by itself; chimera doctor says more",
            )
        return await self._vault.attest(statement)


class FaultyPublisher:
    """A `ports.publisher.Publisher` whose caller may die on either side of a call. The network has its own faults."""

    def __init__(self, publisher: Publisher, *, process: Process, fate: Fate, witness: Witness, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._process = process
        self._fate = fate
        self._witness = witness

    def traits(self, action: Action) -> Traits:
        """As the network says."""
        return self._publisher.traits(action)

    async def publish(self, order: Order) -> Outcome:
        """As the network does; the process may die before it, or after it and before the outcome is on record."""
        await self._process.at_port()
        self._maybe_die("before a call to the network")
        if self._clock.now_us() < order.deadline_us:
            self._witness.publishing(order, by_zombie=self._process.frozen_until_us > 0)
        outcome = await self._publisher.publish(order)
        self._maybe_die("after a call to the network")
        return outcome

    async def look_up(self, order: Order) -> Trace:
        """As the network does."""
        await self._process.at_port()
        return await self._publisher.look_up(order)

    def _maybe_die(self, when: str) -> None:
        if self._fate.strikes(self._fate.odds.crash_at_network / 2):
            self._witness.note(f"{self._process.name} crashes {when}")
            self._process.crash()
        self._process.require_alive()


class FaultyDispatch:
    """A `ports.dispatch.Dispatch` around the pool: assignments reach dead workers; results are lost, late, doubled."""

    def __init__(self, pool: Pool, *, fate: Fate, clock: Clock) -> None:
        self._pool = pool
        self._fate = fate
        self._clock = clock
        self._arrived: asyncio.Queue[Result] = asyncio.Queue()
        self._pump: asyncio.Task[None] | None = None
        self._late: set[asyncio.Task[None]] = set()

    @property
    def room(self) -> int:
        """As the pool says."""
        return self._pool.room

    async def send(self, assignments: Sequence[Assignment]) -> None:
        """To workers, some of whom are dead."""
        self._pump = self._pump or asyncio.create_task(self._pumping())
        sent = [one for one in assignments if not self._fate.strikes(self._fate.odds.worker_dead)]
        await self._pool.send(sent)

    async def results(self) -> tuple[Result, ...]:
        """What came through, in whatever order."""
        found = [await self._arrived.get()]
        while not self._arrived.empty():
            found.append(self._arrived.get_nowait())
        return tuple(reversed(found))

    async def close(self) -> None:
        """Everything that is under way is given up."""
        for task in (self._pump, *self._late):
            if task is not None:
                task.cancel()
        await self._pool.close()

    async def _pumping(self) -> None:
        while True:
            for result in await self._pool.results():
                self._deliver(result)

    def _deliver(self, result: Result) -> None:
        odds = self._fate.odds
        if self._fate.strikes(odds.result_lost):
            return
        if self._fate.strikes(odds.result_doubled):
            self._soon(result)
        if self._fate.strikes(odds.result_late):
            self._soon(result)
        else:
            self._arrived.put_nowait(result)

    def _soon(self, result: Result) -> None:
        task = asyncio.create_task(self._delivered_later(result, self._fate.seconds(8.0)))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _delivered_later(self, result: Result, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._arrived.put_nowait(result)


class FaultyModel:
    """A `ports.model.Model` that is sometimes away, slow beyond every limit, or talks nonsense."""

    def __init__(self, model: Model, *, fate: Fate, clock: Clock) -> None:
        self._model = model
        self._fate = fate
        self._clock = clock

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """As the model does, if it does."""
        odds = self._fate.odds
        if self._fate.strikes(odds.model_away):
            raise Unavailable("model_away", "the model does not answer", where="simulation", remedy="it is tried again")
        if self._fate.strikes(odds.model_slow):
            await self._clock.sleep(self._fate.seconds(90.0))
        answer = await self._model.complete(request)
        if self._fate.strikes(odds.model_garbled):
            return ModelAnswer(
                text=answer.text[: len(answer.text) // 2], model=answer.model, cost_micros=answer.cost_micros
            )
        return answer


class SimulatedTools:
    """A `ports.tools_read.ToolsRead` that knows one trend: a stranger's word, labelled so."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """The trends, a timeline on which nobody speaks, or a refusal."""
        if tool == "timeline":
            return ToolAnswer(content={"posts": []}, labels=(labels.tool("timeline"),))
        if tool != "trends":
            raise Refused(
                "tool_unknown",
                f"there is no {tool} here",
                where=tool,
                remedy="use a tool that is offered: chimera tools list",
            )
        trend = {"topic": "boss fights", "score_bp": 8_000}
        return ToolAnswer(content={"trends": [trend]}, labels=(labels.tool("trends"),), cost_micros=50)
