"""Gives every resource of the API exactly what its constructor asks for, and runs what runs beside the requests."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from datetime import UTC, tzinfo
from importlib.metadata import version
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI
from msgspec import Struct

from chimera.api import app, openapi, serving
from chimera.api.agents import AgentRoutes
from chimera.api.app import Resource
from chimera.api.campaigns import CampaignRoutes
from chimera.api.cards import CardRoutes
from chimera.api.chains import ChainRoutes
from chimera.api.fleet import FleetRoutes
from chimera.api.guard import Guard
from chimera.api.halts import HaltRoutes
from chimera.api.holdings import HoldingRoutes
from chimera.api.house import HouseRoutes, Networks
from chimera.api.imitating import ImitatingViews
from chimera.api.imitations import Imitations
from chimera.api.kpis import KpiRoutes
from chimera.api.limits import Limits
from chimera.api.money import MoneyRoutes
from chimera.api.pages import PageRoutes
from chimera.api.paging import Places
from chimera.api.passes import PassRoutes
from chimera.api.people import PeopleRoutes
from chimera.api.policies import PolicyRoutes
from chimera.api.programs import ProgramRoutes
from chimera.api.public import PublicRoutes
from chimera.api.pulse import Pulse
from chimera.api.replies import Replies
from chimera.api.restraints import Restraints
from chimera.api.retelling import Retelling
from chimera.api.reviewers import ReviewerRoutes
from chimera.api.reviews import ReviewRoutes
from chimera.api.scorecards import ScorecardRoutes
from chimera.api.session import SessionRoutes
from chimera.api.shell import App
from chimera.api.stream import StreamRoutes
from chimera.api.tasks import TaskRoutes
from chimera.api.telling import TELL_SECONDS, Telling
from chimera.api.toolservers import OpenServers, ToolServerRoutes
from chimera.api.uses import Uses
from chimera.api.variants import VariantRoutes
from chimera.api.vitals import Measures, VitalRoutes
from chimera.api.webhooks import WebhookRoutes
from chimera.domain.errors import ChimeraError
from chimera.domain.policy import PackFiles
from chimera.governance.decoys import Decoys
from chimera.governance.halts import Halts
from chimera.governance.identity.accesses import Accesses
from chimera.governance.identity.desk import IdentityDesk
from chimera.governance.identity.permits import Permits
from chimera.governance.looks import Looks
from chimera.governance.reviewers import Reviewers
from chimera.governance.reviews import Reviews
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.spending_breakers import BreakerReadings
from chimera.governance.tools.pins import Pins
from chimera.governance.treasury import Treasury
from chimera.governance.webhooks import Webhooks
from chimera.pipeline.installer import Contents, Installer
from chimera.pipeline.intake import Intake
from chimera.pipeline.redriving import Redriving
from chimera.pipeline.rescheduling import Rescheduling
from chimera.pipeline.steering import Steering
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.replies import ReplyStore
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import Store
from chimera.ports.views import Views
from chimera.ports.vouching import Vouching
from chimera.ports.webhooks import Poster, WebhookStore
from chimera.rehearsal.scorecards import Rehearsals

LOOKS_SECONDS, EXPIRE_SECONDS = 5.0, 600.0
ReadPackage = Callable[[str, Mapping[str, bytes]], Contents]
_log = structlog.get_logger()


class Given(Struct, frozen=True, kw_only=True):
    """What the house gives to its API. Taken apart here; no resource sees all of it."""

    views: Views
    office: Store
    intake: Intake
    desk: IdentityDesk
    provider: Vouching | None
    permits: Permits
    reviews: Reviews
    replies: ReplyStore
    webhooks: WebhookStore
    poster: Poster
    secrecy: Secrecy
    clock: Clock
    ids: Ids
    zone: tzinfo
    shipped: PackFiles
    read_package: ReadPackage
    pins: Pins
    tool_servers: OpenServers
    security: SecurityGateway
    rehearsals: Rehearsals
    networks: Networks
    console: Path
    card: Path


class Built(Struct, frozen=True, kw_only=True):
    """The application, and what has to run beside it."""

    app: FastAPI
    pulse: Pulse
    looks: Looks
    measures: Measures
    replies: Replies
    telling: Telling


def built(given: Given) -> Built:
    """Everything, put together."""
    uses, restraints = Uses(), Restraints(given.clock)
    pulse = Pulse(reads=given.views, clock=given.clock, zone=given.zone, uses=uses, restraints=restraints,
                  places=Places(given.secrecy))  # fmt: skip
    looks, measures = Looks(store=given.office), Measures()
    replies = Replies(store=given.replies, secrecy=given.secrecy, clock=given.clock)
    webhooks = Webhooks(store=given.office, ids=given.ids, secrecy=given.secrecy)
    telling = Telling(reads=given.views, store=given.webhooks, webhooks=webhooks, poster=given.poster,
                      secrecy=given.secrecy, clock=given.clock)  # fmt: skip
    guard = Guard(desk=given.desk, limits=Limits(given.clock), looks=looks, replies=replies)
    house = HouseRoutes(views=given.views, uses=uses, networks=given.networks)
    pages = PageRoutes(folder=given.console)
    resources = (*_resources(given, pulse, restraints, measures), house, *_outward(given, webhooks), pages)
    made = app.build(resources, guard=guard, version=version("chimera"))
    return Built(app=made, pulse=pulse, looks=looks, measures=measures, replies=replies, telling=telling)


def _resources(given: Given, pulse: Pulse, restraints: Restraints, measures: Measures) -> Iterator[Resource]:
    office, clock = given.office, given.clock
    imitations = Imitations(reads=given.views, decoys=Decoys(store=office))
    views = ImitatingViews(given.views, imitations)
    retelling = Retelling(views=views, imitations=imitations, permits=given.permits)
    treasury, halts = Treasury(zone=given.zone), Halts(store=office, ids=given.ids, permits=given.permits)
    yield SessionRoutes(desk=given.desk, timezone=str(given.zone), provider=given.provider,
                        secrecy=given.secrecy)  # fmt: skip
    yield PassRoutes(desk=given.desk)
    yield FleetRoutes(views=views, retelling=retelling, pulse=pulse, clock=clock, treasury=treasury,
                      restraints=restraints)  # fmt: skip
    yield AgentRoutes(views=views, installer=Installer(office, security=given.security), halts=halts,
                      read_package=given.read_package, treasury=treasury, clock=clock)  # fmt: skip
    yield ScorecardRoutes(views=views, rehearsals=given.rehearsals)
    yield VariantRoutes(views=views)
    yield CampaignRoutes(views=views, intake=given.intake, steering=Steering(store=office), zone=given.zone)
    yield TaskRoutes(views=views, retelling=retelling, rescheduling=Rescheduling(store=office), zone=given.zone,
                     redriving=Redriving(store=office, permits=given.permits))  # fmt: skip
    yield ReviewRoutes(views=views, reviews=given.reviews, permits=given.permits,
                       treasury=treasury)  # fmt: skip
    yield ReviewerRoutes(reviewers=Reviewers(store=office, ids=given.ids, permits=given.permits))
    yield HaltRoutes(views=views, halts=halts)
    yield ChainRoutes(views=views, retelling=retelling, places=Places(given.secrecy))
    yield StreamRoutes(pulse=pulse)
    yield MoneyRoutes(views=views, treasury=treasury)
    yield PeopleRoutes(desk=given.desk, clock=clock)
    yield HoldingRoutes(views=views)
    yield ToolServerRoutes(reads=views, desk=given.pins, servers=given.tool_servers, security=given.security,
                           clock=clock)  # fmt: skip
    yield PolicyRoutes(views=views, office=office, shipped=given.shipped, clock=clock)
    yield PublicRoutes(views=views)
    yield CardRoutes(file=given.card)
    yield KpiRoutes(views=views, pulse=pulse)
    yield VitalRoutes(views=views, pulse=pulse, restraints=restraints, measures=measures, clock=clock,
                      breakers=BreakerReadings(reads=views, treasury=treasury, clock=clock),
                      version=version("chimera"))  # fmt: skip


def _outward(given: Given, webhooks: Webhooks) -> Iterator[Resource]:
    yield WebhookRoutes(webhooks=webhooks, store=given.webhooks, poster=given.poster)
    accesses = Accesses(store=given.office, ids_from=given.ids, secrecy=given.secrecy, permits=given.permits)
    yield ProgramRoutes(views=given.views, accesses=accesses)


@contextlib.asynccontextmanager
async def running(
    given: Given, *, host: str, port: int, hosts: Collection[str]
) -> AsyncGenerator[serving.Listening]:  # fmt: skip
    """The API listens while the block runs. What was looked at is on record when it ends."""
    made = built(given)
    outer: App = app.served(made.app, hosts=hosts, clock=given.clock, answered=made.measures.answered)
    async with (
        _beside(made.pulse.run()),
        _beside(_again(LOOKS_SECONDS, made.looks.flush, given.clock)),
        _beside(_again(TELL_SECONDS, made.telling.once, given.clock)),
        _beside(_again(EXPIRE_SECONDS, made.replies.expire, given.clock)),
        serving.listening(outer, host=host, port=port) as where,
    ):
        yield where
    with contextlib.suppress(ChimeraError):
        await made.looks.flush()


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[Any, Any, None]) -> AsyncGenerator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _again(seconds: float, act: Callable[[], Awaitable[object]], clock: Clock) -> None:
    """Every so often. What cannot be done now is done later."""
    while True:
        await clock.sleep(seconds)
        try:
            await act()
        except ChimeraError as error:
            _log.warning("done later", what=act.__qualname__, why=str(error))


def document() -> bytes:
    """The description of the API, for which nothing has to run."""
    return openapi.encoded(built(_nothing()).app)


def _nothing() -> Given:
    """A house without anything in it: enough to be described, and whatever was asked of it would fail."""
    nothing: Any = None
    return Given(views=nothing, office=nothing, intake=nothing, desk=nothing, provider=None, permits=nothing,
                 secrecy=nothing, replies=nothing, webhooks=nothing, poster=nothing, reviews=nothing,
                 clock=nothing, ids=nothing, zone=UTC, shipped=nothing, read_package=nothing, pins=nothing,
                 tool_servers=nothing, security=nothing, rehearsals=nothing, networks=nothing, console=Path("none"),
                 card=Path("none"))  # fmt: skip
