"""Days of a rehearsal in virtual time, on the store in memory: many seeds and manners in the time of one demo.

The whole path runs, without a wire, without pictures and without memories. Nothing in it is for real.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable, Generator, Mapping, MutableMapping
from typing import Any, TypeAlias

import structlog
from msgspec import Struct

from chimera.adapters.documents.governance import load_permits
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.rehearsal.tools_read import RehearsalToolsRead
from chimera.domain.policy import PackFiles
from chimera.domain.rhythm import Rhythm
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.governance.cfo import CFOAgent
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
from chimera.ports.store import Reads, Store
from chimera.rehearsal import world as worlds
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Scenario
from chimera.rehearsal.standing import Report, report_of
from chimera.rehearsal.truth import GroundTruth
from chimera.rehearsal.world import World
from chimera.skills.registry import SKILLS
from chimera.swarm.court import Court
from chimera.swarm.listening import Listening
from chimera.swarm.manager import Manager, Stages
from chimera.swarm.measuring import Measuring
from chimera.swarm.orchestrator import Duties, Orchestrator
from chimera.swarm.pool import Pool
from chimera.swarm.roster import Roster
from chimera.testing.simulation.world import House, StandingVault, build_house
from chimera.testing.virtual_loop import Simulated, run_virtually

WORKERS = 16
STEP_SECONDS = 0.05
LOOK_SECONDS = 0.5
STILL_LOOKS = 5
END_LOOKS_MAX = 1_000
_MOVING = ("ready", "leased", "granted", "in_doubt")

Begin: TypeAlias = Callable[[Store, Intake], Awaitable[None]]


class Days(Struct, frozen=True, kw_only=True):
    """A rehearsal to live through: the world, whose accounts are ours, how long its public speaks."""

    scenario: Scenario
    accounts: tuple[str, ...]
    seconds: float


class Lived(Struct, frozen=True, kw_only=True):
    """What is left of it: our records, the network's report, and the truth."""

    reads: Reads
    report: Report
    truth: GroundTruth


def live(days: Days, begin: Begin) -> Lived:
    """From the first goal until nothing moves any more. The same scenario gives the same run."""
    return run_virtually(functools.partial(_live, days=days, begin=begin, house=_house()), seed=days.scenario.seed)


@contextlib.contextmanager
def quiet() -> Generator[None]:
    """No log of what goes on inside: in virtual time a day is told in a second."""

    def drop(_logger: object, _method: str, _entry: MutableMapping[str, Any]) -> str:
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[drop])
    try:
        yield
    finally:
        structlog.configure(**before)


@functools.cache
def _house() -> House:
    return build_house()


class _Office:
    """Tells the vault the policy and the halts, as the office of a fleet does."""

    def __init__(self, vault: StandingVault, pack: PackFiles, digest: str) -> None:
        self._vault, self._pack, self._digest = vault, pack, digest

    async def halt(self, halted: frozenset[str]) -> None:
        await self._vault.govern(self._pack, digest=self._digest)
        await self._vault.halt(halted)


async def _live(simulated: Simulated, *, days: Days, begin: Begin, house: House) -> Lived:
    clock = simulated.clock
    world = worlds.build(days.scenario, clock, accounts=days.accounts)
    database = MemoryDatabase()
    office = MemoryStore(database, writer="office-0", role=Role.OFFICE, clock=clock)
    managing = MemoryStore(database, writer="manager-0", role=Role.MANAGER, clock=clock)
    vault = StandingVault(simulated, policy_digest=house.gates[0].policy_digest)
    telling = _Office(vault, house.packs[0], house.gates[0].policy_digest)
    intake = Intake(security=house.security, store=office, clock=clock, ids=simulated.ids)
    tools = RehearsalToolsRead(world.line, may_use=Roster(reads=office, clock=clock).may_use)
    effects = Effects(
        store=MemoryStore(database, writer="effects-0", role=Role.EFFECTS, clock=clock), clock=clock,
        publisher=RehearsalPublisher(world.line, clock), seals=SealVerifier(vault.keys),
    )  # fmt: skip
    manager = _manager(simulated, house, world, managing, vault, effects, tools)
    listening = Listening(intake=intake, reads=office, tools=tools, clock=clock)
    rhythm = Rhythm(tempo=days.scenario.tempo)
    orchestrator = Orchestrator(
        reviews=Reviews(store=office, permits=load_permits(), bands=house.gates[0].bands), reads=office,
        listening=listening, vault=telling, arrived=manager.arrived, clock=clock,
        duties=Duties(measuring=Measuring(store=office, tools=tools, rhythm=rhythm)),
    )  # fmt: skip
    await telling.halt(frozenset())
    running = [asyncio.create_task(one) for one in (manager.run(), orchestrator.run(), _audience(world, simulated))]
    await begin(office, intake)
    manager.arrived.ring()
    await clock.sleep(days.seconds)
    listening.is_open = False
    await _until_quiet(managing, simulated)
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return Lived(reads=managing, report=report_of(world), truth=world.truth)


def _manager(
    simulated: Simulated, house: House, world: World, store: MemoryStore, vault: StandingVault, effects: Effects,
    tools: RehearsalToolsRead,
) -> Manager:  # fmt: skip
    clock, ids, contracts, prompts = simulated.clock, simulated.ids, house.contracts, house.prompts
    scenario = world.scenario
    # Whoever judges is another model than whoever works, as in a fleet.
    judging = OfflineModel(seed=scenario.seed + 1, manners=scenario.manners, clock=clock, truth=world.truth)
    worker = Worker(model=world.model, tools=tools, skills=SKILLS, prompts=prompts, contracts=contracts, clock=clock)
    cfo = CFOAgent(reads=store, outcomes=NoOutcomes(), attestor=vault, treasury=Treasury(), clock=clock)
    stages = Stages(
        planner=Planner(model=world.model, contracts=contracts, prompt=prompts["plan"], store=store, clock=clock,
                        ids=ids, costs=PlanCosts(store=store, treasury=Treasury(), clock=clock, ids=ids)),
        court=Court(judge=Judge(model=judging, contracts=contracts, prompt=prompts["judge"]), gate=house.gates[0],
                    treasury=Treasury(), contracts=contracts, clock=clock, cfo=cfo),
        sealing=Sealing(sealer=vault, store=store, clock=clock, ids=ids),
        settle=Settle(store=store, clock=clock),
        effects=effects,
        rhythm=Rhythm(tempo=scenario.tempo),
    )  # fmt: skip
    return Manager(stages=stages, store=store, dispatch=Pool(worker.work, workers=WORKERS, clock=clock), clock=clock)


async def _audience(world: World, simulated: Simulated) -> None:
    while True:
        world.audience.step(simulated.clock.now_us())
        await simulated.clock.sleep(STEP_SECONDS)


async def _until_quiet(reads: Reads, simulated: Simulated) -> None:
    """Until nothing has moved for a while."""
    still = 0
    for _ in range(END_LOOKS_MAX):
        await simulated.clock.sleep(LOOK_SECONDS)
        still = 0 if _moves(await reads.count(Task)) else still + 1
        if still >= STILL_LOOKS:
            return
    raise AssertionError("a rehearsal in virtual time comes to its end")


def _moves(tasks: Mapping[str, int]) -> bool:
    """Whether anything goes on by itself. What waits for a task that a person has to look at does not."""
    return any(tasks.get(state) for state in _MOVING) or bool(tasks.get("waiting") and not tasks.get("held"))
