"""Assembles the top tier: reviews, halts, checkpoints, breakers, and the orchestrator that runs them."""

from __future__ import annotations

import contextlib

from msgspec import Struct

from chimera.adapters.documents.governance import DEFAULT_PACK, load_files, load_permits
from chimera.adapters.media import lifecycle
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly import media, people
from chimera.assembly.money import breakers
from chimera.assembly.vaults import Vaults, checkpoint_keys
from chimera.domain.confidence import Bands
from chimera.domain.errors import Unavailable
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.governance.breakers import Breakers
from chimera.governance.checkpoints import Checkpoints
from chimera.governance.halts import Halts
from chimera.governance.outliving import Outliving
from chimera.governance.privacy.consents import Consents
from chimera.governance.reviews import Reviews
from chimera.learning.recollection import Remembrance
from chimera.pipeline.intake import Intake
from chimera.ports.store import Reads, Store
from chimera.ports.tools_read import ToolsRead
from chimera.ports.weeks import Weeks
from chimera.settings import Settings
from chimera.swarm.bell import Bell
from chimera.swarm.following import Following
from chimera.swarm.governing import TellingVault
from chimera.swarm.listening import Listening
from chimera.swarm.measuring import Measuring
from chimera.swarm.orchestrator import Duties, Orchestrator
from chimera.swarm.retaining import Retaining
from chimera.swarm.updates import OpenCampaigns


class Inlets(Struct, frozen=True, kw_only=True):
    """How things come in: what is said to our accounts, the feeds that agents follow, what posts brought."""

    listening: Listening
    following: Following
    measuring: Measuring


def inlets_of(
    intake: Intake, office: Store, *, reads: Reads, tools: ToolsRead, consents: Consents, rhythm: Rhythm = STEADY
) -> Inlets:  # fmt: skip
    """All of them by the same tools, and for the same campaigns."""
    campaigns = OpenCampaigns(reads)
    return Inlets(listening=Listening(intake=intake, reads=reads, tools=tools, clock=SystemClock(),
                                      consents=consents, campaigns=campaigns),
                  following=Following(intake=intake, reads=reads, tools=tools, campaigns=campaigns),
                  measuring=Measuring(store=office, tools=tools, rhythm=rhythm))  # fmt: skip


def retaining(settings: Settings, store: Store, weeks: Weeks) -> Retaining:
    """How long records are kept here, behind checkpoints of this installation's own vault."""
    shelf = lifecycle.Shelf(lambda: media.objects(settings))
    return Retaining(weeks=weeks, store=store, keys=lambda: checkpoint_keys(settings), days=settings.retention_days,
                     shelf=shelf)  # fmt: skip


class Upkeep(Struct, frozen=True, kw_only=True):
    """What is kept, and until when: weeks of records, and what agents remember."""

    weeks: Weeks
    remembrance: Remembrance | None = None


class TopTier(Struct, frozen=True, kw_only=True):
    """The orchestrator, and what others ask of the office beside it."""

    orchestrator: Orchestrator
    reviews: Reviews
    halts: Halts
    checkpoints: Checkpoints
    governor: TellingVault
    listening: Listening


def top_tier(
    settings: Settings, office: Store, *, reads: Reads, vaults: Vaults, bands: Bands, arrived: Bell,
    inlets: Inlets, upkeep: Upkeep,
) -> TopTier:  # fmt: skip
    """All of it over the office's store. Rings `arrived` when something came in."""
    clock = SystemClock()
    reviews = people.reviews_of(settings, office, bands=bands)
    halts = Halts(store=office, ids=SystemIds(), permits=load_permits())
    checkpoints = Checkpoints(store=office, notary=vaults.office)
    governor = TellingVault(vault=vaults, reads=reads, shipped=load_files(DEFAULT_PACK))
    duties = Duties(governor=governor, checkpoints=checkpoints, checkpoint_seconds=settings.checkpoint_seconds,
                    breakers=Breakers(reads=reads, halts=halts), noticing=people.noticing(settings, reads),
                    spending=breakers(settings, office, clock, halts=halts), remembrance=upkeep.remembrance,
                    following=inlets.following, measuring=inlets.measuring,
                    retaining=retaining(settings, office, upkeep.weeks), outliving=Outliving(store=office))  # fmt: skip
    orchestrator = Orchestrator(reviews=reviews, reads=reads, vault=vaults, arrived=arrived, clock=clock,
                                listening=inlets.listening, duties=duties)  # fmt: skip
    return TopTier(orchestrator=orchestrator, reviews=reviews, halts=halts, checkpoints=checkpoints, governor=governor,
                   listening=inlets.listening)  # fmt: skip


async def tell_first(top: TopTier, vaults: Vaults, reads: Reads) -> None:
    """A vault takes everything for halted until it is told. If it is away now, the orchestrator tells it later."""
    with contextlib.suppress(Unavailable):
        await top.governor.once()
        await vaults.halt(await reads.halted())
