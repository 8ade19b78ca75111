"""Assembles the stages of the path, over whatever store and minds their process has. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly.guarding import security
from chimera.assembly.minds import Minded, choosing
from chimera.assembly.outside import Minds
from chimera.assembly.rules import Rules
from chimera.assembly.tools import tool_acts
from chimera.assembly.vaults import seal_verifier
from chimera.domain.campaign import Input
from chimera.domain.costing import read_fees
from chimera.governance.cfo import CFOAgent
from chimera.governance.entrusted import Entrusted
from chimera.governance.plan_costs import PlanCosts
from chimera.governance.privacy.consents import Consents
from chimera.governance.safety.relations import Manifests, NoManifests
from chimera.governance.treasury import Treasury
from chimera.pipeline.effects import Effects
from chimera.pipeline.intake import Intake
from chimera.pipeline.judge import Judge
from chimera.pipeline.planner import Planner
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.pipeline.worker import Worker
from chimera.ports.attestor import Attestor
from chimera.ports.dispatch import Dispatch
from chimera.ports.ledger import Outcomes
from chimera.ports.model import Model
from chimera.ports.publisher import Publisher
from chimera.ports.sealer import Sealer
from chimera.ports.store import Reads, Store
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings
from chimera.skills.registry import SKILLS
from chimera.swarm.court import Court
from chimera.swarm.manager import ALL_SHARDS, Manager, Stages
from chimera.swarm.performing import Acting
from chimera.swarm.roster import Roster
from chimera.swarm.suspected import Suspected


class Parts(Struct, frozen=True, kw_only=True):
    """What a manager is given beside its minds: its store, and whoever seals, acts, works and is asked for it."""

    store: Store
    sealer: Sealer
    effects: Acting
    cfo: CFOAgent
    minded: Minded
    entrusted: Entrusted
    dispatch: Dispatch
    manifests: Manifests = NoManifests()
    # What is known of the fleet, where several managers of one process share it.
    roster: Roster | None = None
    suspected: Suspected | None = None


def intake_of(store: Store, consents: Consents, *, told: Callable[[Input], None] | None = None) -> Intake:
    """What lets things in, into the office's store; tells of each whoever is to hear of it at once."""
    return Intake(security=security(), store=store, clock=SystemClock(), ids=SystemIds(), consents=consents,
                  told=told)  # fmt: skip


def cfo_of(settings: Settings, reads: Reads, *, outcomes: Outcomes, attestor: Attestor) -> CFOAgent:
    """Who is asked whether a payment is worth it: by a manager's reads, and what became of earlier ones."""
    return CFOAgent(reads=reads, outcomes=outcomes, attestor=attestor, treasury=Treasury(zone=settings.zone),
                    clock=SystemClock())  # fmt: skip


def worker_of(settings: Settings, written: Rules, model: Model, tools: ToolsRead) -> Worker:
    """A worker with these ways out, and no other."""
    return Worker(model=model, tools=choosing(settings, tools), skills=SKILLS, prompts=written.prompts,
                  contracts=written.contracts, clock=SystemClock(), tally=written.tally,
                  chooses=bool(settings.reward_model))  # fmt: skip


def effects_of(settings: Settings, publisher: Publisher, acting: Store) -> Effects:
    """The stage with hands, over the store of its own role."""
    return Effects(store=acting, publisher=publisher, seals=seal_verifier(settings), clock=SystemClock())


def manager_of(
    settings: Settings, written: Rules, minds: Minds, parts: Parts, *, shards: Sequence[int] = ALL_SHARDS
) -> Manager:
    """A manager of these shards, over these parts."""
    clock, ids = SystemClock(), SystemIds()
    stages = Stages(
        planner=Planner(model=minds.model, contracts=written.contracts, prompt=written.prompts["plan"],
                        store=parts.store, clock=clock, ids=ids, consents=parts.minded.consents,
                        costs=PlanCosts(store=parts.store, treasury=Treasury(zone=settings.zone), clock=clock, ids=ids,
                                        models_cost=settings.calls_cost)),
        court=court(settings, written, minds, parts),
        settle=Settle(store=parts.store, clock=clock),
        sealing=Sealing(sealer=parts.sealer, store=parts.store, clock=clock, ids=ids),
        effects=parts.effects, roster=parts.roster, suspected=parts.suspected, rhythm=minds.rhythm,
    )  # fmt: skip
    return Manager(stages=stages, store=parts.store, dispatch=parts.dispatch, clock=clock, entrusted=parts.entrusted,
                   shards=shards, recollection=parts.minded.recollection)  # fmt: skip


def court(settings: Settings, written: Rules, minds: Minds, parts: Parts) -> Court:
    """Judge and gate, with whoever is asked about money, pictures and tools."""
    judge = Judge(model=minds.judge_model, contracts=written.contracts, prompt=written.prompts["judge"],
                  tally=written.tally)  # fmt: skip
    return Court(judge=judge, gate=written.gate, treasury=Treasury(zone=settings.zone), contracts=written.contracts,
                 clock=SystemClock(), meter=minds.meter, cfo=parts.cfo, manifests=parts.manifests,
                 models_cost=settings.calls_cost, fees=read_fees(settings.platform_fees),
                 tool_acts=tool_acts(settings, parts.store), writes_anew=settings.writes_anew)  # fmt: skip
