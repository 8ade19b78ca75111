"""Puts the studio together: where media are kept, under which key they are signed, who meets it. Decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from chimera.adapters.documents.brands import shipped
from chimera.adapters.local.home import keep_secret, prepare_home
from chimera.adapters.media.at_work import MediaPublisher, StudioTools, Styles
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.minds import painters
from chimera.domain.errors import Invalid
from chimera.domain.money import parse_price
from chimera.governance.safety.relations import Manifests
from chimera.ports.objects import Objects
from chimera.ports.painter import Painter
from chimera.ports.publisher import Publisher
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings

FOLDER = "media"
HOUSE = "Chimera"
REGION = "us-east-1"


class Illustrated(Struct, frozen=True, kw_only=True):
    """The ways out with the studio in front of them, and what it vouches for."""

    tools: ToolsRead
    publisher: Publisher
    manifests: Manifests


@contextlib.asynccontextmanager
async def illustrated(
    settings: Settings, *, tools: ToolsRead, publisher: Publisher, styles: Styles
) -> AsyncGenerator[Illustrated]:
    """The studio of this home between workers and tools, and between effects and networks."""
    async with painters(settings) as painter:
        studio = await _studio(settings, painter)
        await studio.remember()
        price = parse_price(settings.storage_price or "0", where="storage_price")
        yield Illustrated(tools=StudioTools(tools, studio, styles=styles, gigabyte_micros=price), manifests=studio,
                          publisher=MediaPublisher(publisher, studio))  # fmt: skip


async def carrying(settings: Settings, publisher: Publisher) -> Publisher:
    """The publisher with the bytes of media put into what it sends, for whoever makes none."""
    return MediaPublisher(publisher, await _studio(settings, None))


def vouched(settings: Settings) -> Manifests:
    """What a studio in another process has vouched for, by what it has put down."""
    # Imported when used, as below.
    from chimera.adapters.media.studio import Vouched

    return Vouched(objects(settings))


@contextlib.asynccontextmanager
async def connector(settings: Settings) -> AsyncGenerator[Any]:
    """The studio as an MCP server."""
    # Imported when used: the MCP library takes longer to load than all the rest.
    from chimera.connectors import desk
    from chimera.connectors.images.studio import INSTRUCTIONS, TOOLS, readers_of
    from chimera.connectors.web.reading import ReadingRoom

    async with painters(settings) as painter:
        room = ReadingRoom(readers_of(await _studio(settings, painter)))
        yield desk.build("chimera-images", room, TOOLS, instructions=INSTRUCTIONS)


async def _studio(settings: Settings, painter: Painter | None) -> Any:  # noqa: ANN401 – the studio, whose class is loaded when used.
    # Imported when used: Pillow and the credentials' library are no command's but a fleet's.
    from chimera.adapters.media.credentials import Credentials
    from chimera.adapters.media.studio import Studio

    credentials = await asyncio.to_thread(Credentials, _key(settings), house=HOUSE, now=_now())
    return Studio(objects=objects(settings), credentials=credentials, brand=shipped(), painter=painter)


def objects(settings: Settings) -> Objects:
    """Where media are kept: a folder of the home, or the bucket of `s3://name?endpoint=…&region=…`."""
    # Imported when used, as above.
    from chimera.adapters.objects.store import StoredObjects

    if not settings.media_store:
        return StoredObjects.in_folder(prepare_home(settings.folder) / FOLDER, public_url=settings.media_url)
    address = urlsplit(settings.media_store)
    asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
    if address.scheme != "s3" or not address.netloc or not asked.keys() <= {"endpoint", "region"}:
        raise Invalid("media_store", "this names no bucket", where="CHIMERA_MEDIA_STORE",
                      remedy="write s3://bucket?endpoint=https://…&region=…")  # fmt: skip
    return StoredObjects.in_bucket(
        address.netloc, endpoint=asked.get("endpoint", ""), region=asked.get("region", REGION),
        key=(settings.media_store_key, settings.media_store_secret), public_url=settings.media_url,
    )  # fmt: skip


def _key(settings: Settings) -> bytes:
    return hashlib.sha256(keep_secret(prepare_home(settings.folder), FOLDER).encode()).digest()


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now_us() / 1_000_000, UTC)
