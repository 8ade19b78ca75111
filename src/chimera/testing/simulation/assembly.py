"""Assembles the processes of a simulated fleet as bootstrap does: the office; the manager with effects and workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import cast

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.memory.store import MemoryStore
from chimera.domain.errors import Conflict
from chimera.domain.roles import Role
from chimera.governance.cfo import CFOAgent
from chimera.governance.halts import Halts
from chimera.governance.plan_costs import PlanCosts
from chimera.governance.reviews import Reviews
from chimera.governance.sealing import SealVerifier
from chimera.governance.treasury import Treasury
from chimera.pipeline.effects import Effects
from chimera.pipeline.intake import Intake
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.pipeline.worker import Worker
from chimera.ports.ledger import NoOutcomes
from chimera.ports.store import Store
from chimera.skills.registry import SKILLS
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.manager import Manager, Pace, Stages
from chimera.swarm.orchestrator import Orchestrator
from chimera.swarm.pool import Pool
from chimera.testing.simulation.faults import (
    Fate,
    FaultyAttestor,
    FaultyDispatch,
    FaultyModel,
    FaultyPublisher,
    FaultyStore,
    FaultyVault,
    SimulatedTools,
)
from chimera.testing.simulation.processes import Process
from chimera.testing.simulation.witness import Violation, require
from chimera.testing.simulation.world import World

WORKERS = 8
RESTART_SECONDS = (0.2, 6.0)
PERMITS = load_permits()
_PACE = Pace(planning_seconds=1.0, claiming_seconds=1.0, granting_seconds=2.0, sweeping_seconds=1.5)


class TellingOffice:
    """Tells the vault what it has to know, as bootstrap's office does: the policy in force first, then the halts."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def halt(self, halted: frozenset[str]) -> None:
        """Every time, not only when something changed: the vault may have been forgotten before."""
        await self._world.vault.govern(self._world.pack, digest=self._world.gate.policy_digest)
        await self._world.vault.halt(halted)


class Office:
    """What people and networks speak to: intake, reviews, halts. A process of its own."""

    def __init__(self, world: World, process: Process, fate: Fate) -> None:
        self.process = process
        self.store: Store = _store(world, process, fate, writer="office-0", role=Role.OFFICE)
        self.intake = Intake(security=world.house.security, store=self.store, clock=world.clock, ids=world.ids)
        self.reviews = Reviews(store=self.store, permits=PERMITS, bands=world.gate.bands)
        self.halts = Halts(store=self.store, ids=world.ids, permits=PERMITS)
        self._world = world

    async def run(self) -> None:
        """The orchestrator's loops."""
        clock = self._world.clock
        orchestrator = Orchestrator(
            reviews=self.reviews,
            reads=self.store,
            listening=None,
            vault=TellingOffice(self._world),
            arrived=Bell(clock),
            clock=clock,
        )
        await orchestrator.run()


class Keeper:
    """Starts the processes, starts them again when they are dead or frozen, and looks at what they died of."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._dice = world.simulated.dice("restarts")
        self._fate = world.fate("processes")
        self._started: list[Process] = []
        self.office = self._start_office()
        self.manager = self._start_manager()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._world.clock.sleep(self._dice.uniform(*RESTART_SECONDS))
            if not self.manager.works:
                self.manager = self._start_manager()
            if not self.office.process.works:
                self.office = self._start_office()

    def start_second_manager(self) -> None:
        """Two at once under one name: the older one is fenced."""
        self._world.witness.note("a second manager starts")
        self.manager = self._start_manager()

    def judge_processes(self) -> None:
        """A manager that was fenced has stopped. An old office notices when it next writes, and reads until then."""
        for process in self._started:
            current = process is self.manager or process.name.startswith("office")
            require(current or not process.works, "0 whoever is fenced stops", f"{process.name} still runs")

    def _start_office(self) -> Office:
        process = self._process("office")
        office = Office(self._world, process, self._fate)
        process.start(office.run)
        return office

    def _start_manager(self) -> Process:
        process = self._process("manager")
        process.start(build_manager(self._world, process, self._fate).run)
        return process

    def _process(self, name: str) -> Process:
        process = Process(f"{name} {len(self._started) + 1}", self._world.clock)
        self._started.append(process)
        self._world.witness.note(f"{process.name} starts")
        watch = asyncio.create_task(self._watch(process))
        watch.add_done_callback(lambda _: None)
        return process

    async def _watch(self, process: Process) -> None:
        await process.ended.wait()
        for error in _leaves(process.error):
            if not _is_fenced(error):
                self._world.found(Violation("0 nothing breaks", f"{process.name}: {type(error).__name__}: {error}"))


def build_manager(world: World, process: Process, fate: Fate) -> Manager:
    """One manager's process: its own stores, its workers, its effects."""
    managing = _store(world, process, fate, writer="manager-0", role=Role.MANAGER)
    acting = _store(world, process, fate, writer="effects-0", role=Role.EFFECTS)
    clock, ids, contracts, prompts = world.clock, world.ids, world.house.contracts, world.house.prompts
    model = FaultyModel(world.model, fate=fate, clock=clock)
    judge_model = FaultyModel(world.judge_model, fate=fate, clock=clock)
    publisher = FaultyPublisher(world.publisher, process=process, fate=fate, witness=world.witness, clock=clock)
    worker = Worker(
        model=model, tools=SimulatedTools(), skills=SKILLS, prompts=prompts, contracts=contracts, clock=clock
    )
    stages = Stages(
        planner=Planner(
            model=model,
            contracts=contracts,
            costs=PlanCosts(store=managing, treasury=Treasury(), clock=clock, ids=ids),
            prompt=prompts["plan"],
            store=managing,
            clock=clock,
            ids=ids,
        ),
        court=Court(
            judge=Judge(model=judge_model, contracts=contracts, prompt=prompts["judge"]),
            gate=world.gate,
            treasury=Treasury(),
            contracts=contracts,
            clock=clock,
            cfo=CFOAgent(
                reads=managing,
                outcomes=NoOutcomes(),
                attestor=FaultyAttestor(world.vault, process=process, fate=fate),
                treasury=Treasury(),
                clock=clock,
            ),
        ),
        sealing=Sealing(
            sealer=FaultyVault(world.vault, process=process, fate=fate), store=managing, clock=clock, ids=ids
        ),
        settle=Settle(store=managing, clock=clock),
        effects=Effects(store=acting, publisher=publisher, seals=SealVerifier(world.vault.keys), clock=clock),
    )
    dispatch = FaultyDispatch(Pool(worker.work, workers=WORKERS, clock=clock), fate=fate, clock=clock)
    return Manager(stages=stages, store=managing, dispatch=dispatch, clock=clock, pace=_PACE)


def _store(world: World, process: Process, fate: Fate, *, writer: str, role: Role) -> FaultyStore:
    store = MemoryStore(world.database, writer=writer, role=role, clock=world.clock)
    return FaultyStore(store, process=process, fate=fate, witness=world.witness, clock=world.clock)


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    """The errors in a group of errors."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for one in group.exceptions:
            yield from _leaves(one)
    elif error is not None:
        yield error


def _is_fenced(error: BaseException) -> bool:
    return isinstance(error, Conflict) and error.code == "writer_fenced"
