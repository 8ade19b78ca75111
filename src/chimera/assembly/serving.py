"""Assembles the API and the console over a database, listening. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

from msgspec import Struct

from chimera.adapters.documents.governance import load_files, load_permits
from chimera.adapters.documents.packages import package_of
from chimera.adapters.documents.specs import load_specs
from chimera.adapters.documents.weeks import shipped_week
from chimera.adapters.postgres.replies import PostgresReplies
from chimera.adapters.postgres.views import PostgresViews
from chimera.adapters.postgres.webhooks import PostgresWebhooks
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.assembly import networks, people, tools
from chimera.assembly.discovery import card_file
from chimera.assembly.rehearsing import lived
from chimera.governance.egress import Egress
from chimera.pipeline.installer import Contents
from chimera.pipeline.intake import Intake
from chimera.ports.store import Store
from chimera.rehearsal.scorecards import Rehearsals
from chimera.rehearsal.week import Week
from chimera.settings import Settings

HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Api(Struct, frozen=True, kw_only=True):
    """The running API: where it listens, and an address that lets the owner in once."""

    url: str
    entrance: str


class Doors(Protocol):
    """What the API opens of a database."""

    async def views(self) -> PostgresViews: ...

    async def replies(self) -> PostgresReplies: ...

    async def webhooks(self) -> PostgresWebhooks: ...


@contextlib.asynccontextmanager
async def api(settings: Settings, *, found: Doors, office: Store, intake: Intake) -> AsyncGenerator[Api]:
    """The API and the console, listening while the block runs."""
    # Imported when used: FastAPI takes a second, which no other command should wait for.
    from chimera.adapters.webhooks.poster import WebhookPoster
    from chimera.api import assembly

    clock, desk = SystemClock(), people.identity_desk(settings, office)
    async with contextlib.AsyncExitStack() as stack:
        views, replies, webhooks = await found.views(), await found.replies(), await found.webhooks()
        for opened in (views, replies, webhooks):
            stack.push_async_callback(opened.close)
        poster = await stack.enter_async_context(WebhookPoster(own=Egress(settings.webhook_hosts.split(","))))
        given = assembly.Given(
            views=views, office=office, intake=intake, desk=desk, provider=people.oidc_provider(settings),
            permits=load_permits(), replies=replies,
            webhooks=webhooks, poster=poster, secrecy=people.secrecy_of(settings),
            reviews=people.reviews_of(settings, office), clock=clock, ids=SystemIds(), zone=settings.zone,
            shipped=load_files(), read_package=read_package_files,
            pins=tools.pins_desk(office), tool_servers=partial(tools.tool_servers, settings), security=tools.scanner(),
            rehearsals=rehearsals(office, read=shipped_week),
            networks=partial(networks.known, settings),
            console=Path(__file__).parents[1] / "console_dist", card=card_file(settings),
        )  # fmt: skip
        where = await stack.enter_async_context(assembly.running(
            given, host=settings.api_host, port=settings.api_port, hosts=(*HOSTS, *settings.api_hosts.split(",")),
        ))  # fmt: skip
        code = await people.entrance(settings, desk)
        yield Api(url=where.url, entrance=f"{where.url}/#once={code}" if code else where.url)


def read_package_files(name: str, files: Mapping[str, bytes]) -> Contents:
    """The package of these files, or its faults."""
    package = package_of(files, folder=Path(name), specs=load_specs())
    return Contents(manifest=package.manifest, digest=package.digest, constitution=package.constitution,
                    brand=package.brand, faces=package.faces)  # fmt: skip


def rehearsals(office: Store, *, read: Callable[[str], Week]) -> Rehearsals:
    """What rehearses an agent's versions: in a process of their own, for they take a core for some seconds."""
    return Rehearsals(store=office, read=read, live=lived)


def api_document() -> bytes:
    """The API's description of itself, as it is committed."""
    from chimera.api import assembly

    return assembly.document()
