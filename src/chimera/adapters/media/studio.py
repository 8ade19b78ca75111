"""The house's studio: composes pictures, signs them, keeps them, and vouches only for what it has read back.

Makes what it is told to and publishes nothing. Holds the media key, which no worker ever has.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chimera.adapters.media import lifecycle
from chimera.adapters.media.credentials import Credentials, verify
from chimera.adapters.media.film import Scene, film
from chimera.adapters.media.lifecycle import ORIGINALS, THUMBNAILS, VOUCHED, vouch_of
from chimera.domain.brand import PLAIN, Brand, Look, Style
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid, Missing
from chimera.domain.recent import Recent
from chimera.ports.objects import Objects
from chimera.ports.painter import Painter, Painting, PaintOrder
from chimera.skills.media import card
from chimera.skills.media.card import Picture

PNG, MP4 = "image/png", "video/mp4"
ENDINGS = {PNG: "png", MP4: "mp4"}
FILMS_AT_ONCE_MAX = 1
PAINT_SECONDS = 30
VOUCHED_KEPT_MAX = 10_000


Asked = TypeVar("Asked")


class Medium(Struct, frozen=True, kw_only=True):
    """What is kept of one picture: named by the SHA-256 of its signed bytes."""

    digest: str
    alt: str
    width: int
    height: int
    mime: str = PNG
    thumbnail: str = ""
    url: str = ""
    captions: str = ""
    missing: tuple[str, ...] = ()
    # What is kept of it altogether, the small picture too.
    stored_bytes: int = 0
    # Who painted it, if it is painted; and what was tried for that, in words.
    painter: str = ""
    tries: tuple[str, ...] = ()
    paint_micros: int = 0


class CardOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card is to show, as the tool `card` is asked for it."""

    title: str
    name: str
    body: str = ""
    disclosure: str = ""


class Bar(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One bar of a chart."""

    name: str
    value: int


class ChartOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a chart is to show, as the tool `chart` is asked for it."""

    title: str
    bars: tuple[Bar, ...]
    name: str
    disclosure: str = ""


class CollageOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures of the house a collage is made of, by their digests."""

    pictures: tuple[str, ...]
    name: str
    disclosure: str = ""


class PaintingOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be painted, within which money and time; where nobody paints, it becomes a card with these words."""

    title: str
    words: str
    name: str
    body: str = ""
    disclosure: str = ""
    cost_micros_max: int = 0
    seconds_max: int = PAINT_SECONDS


class FilmOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a film is to show, as the tool `film` is asked for it."""

    scenes: tuple[Scene, ...]
    name: str
    disclosure: str = ""


class Signed(Protocol):
    """Whoever orders says whose it is, and how it says that an AI made it."""

    @property
    def name(self) -> str: ...

    @property
    def disclosure(self) -> str: ...


class Studio:
    """Implements `governance.safety.relations.Manifests` over what it has verified."""

    def __init__(
        self, *, objects: Objects, credentials: Credentials, brand: Brand, painter: Painter | None = None
    ) -> None:
        self._objects = objects
        self._credentials = credentials
        self._brand = brand
        self._painter = painter
        self._vouched: set[str] = set()
        self._filming = asyncio.Semaphore(FILMS_AT_ONCE_MAX)

    async def remember(self) -> int:
        """Which pictures were vouched for before this start. Their bytes are looked at again before they go out."""
        kept = await self._objects.list(VOUCHED)
        self._vouched.update(one.name.rpartition("/")[2].removesuffix(".json") for one in kept)
        return len(kept)

    async def learn(self, digests: Sequence[str]) -> None:
        """What it has verified it knows: it makes all there is."""

    def is_verified(self, digest: str) -> bool:
        """Whether the studio has read it back and found its credentials sound."""
        return digest in self._vouched

    async def card(self, asked: dict[str, Any], *, style: Style = PLAIN) -> Medium:
        """A card: composed and signed in a thread, kept, read back, and only then vouched for."""
        order = _ordered(asked, CardOrder, "card")
        look = self._look(order, style)
        return await self._pictured(
            await asyncio.to_thread(card.card, look, title=order.title, body=order.body), title=order.title
        )

    async def chart(self, asked: dict[str, Any], *, style: Style = PLAIN) -> Medium:
        """A chart of the figures that are given, likewise."""
        order = _ordered(asked, ChartOrder, "chart")
        look, bars = self._look(order, style), [(bar.name, bar.value) for bar in order.bars]
        return await self._pictured(
            await asyncio.to_thread(card.chart, look, title=order.title, bars=bars), title=order.title
        )

    async def collage(self, asked: dict[str, Any], *, style: Style = PLAIN) -> Medium:
        """A collage of pictures that the studio has made before, likewise. Others it does not take."""
        order = _ordered(asked, CollageOrder, "collage")
        media = [await self._medium(digest) for digest in order.pictures[: card.PICTURES_MAX]]
        pictures = [await self._read_back(medium) for medium in media]
        alts = [medium.alt for medium in media]
        look = self._look(order, style)
        return await self._pictured(
            await asyncio.to_thread(card.collage, look, pictures=pictures, alts=alts), title=f"A collage by {look.name}"
        )

    async def painting(self, asked: dict[str, Any], *, style: Style = PLAIN) -> Medium:
        """A painter's picture in the brand's frame; a card with the same words where nobody painted, with why."""
        order = _ordered(asked, PaintingOrder, "painting")
        look = self._look(order, style)
        painted = await self._painted(order, look, agent_id=style.agent_id)
        told = tuple(f"{one.model}: {one.cause} {one.detail}"[:200].strip() for one in painted.tries)
        try:
            made = painted.data and await asyncio.to_thread(card.framed, look, painted=painted.data, title=order.title)
        except Invalid as error:
            made, told = None, (*told, f"{painted.painter}: {error.code}")
        painter = painted.painter if made else ""
        made = made or await asyncio.to_thread(card.card, look, title=order.title, body=order.body)
        return await self._pictured(made, title=order.title, painter=painter, tries=told,
                                    paint_micros=painted.cost_micros)  # fmt: skip

    async def _painted(self, order: PaintingOrder, look: Look, *, agent_id: str) -> Painting:
        if self._painter is None:
            return Painting(data=None)
        return await self._painter.paint(PaintOrder(
            words=order.words, agent_id=agent_id, faces=look.faces, cost_micros_max=order.cost_micros_max,
            seconds_max=order.seconds_max,
        ))  # fmt: skip

    async def film(self, asked: dict[str, Any], *, style: Style = PLAIN) -> Medium:
        """A film, one at a time: it takes this machine seconds. Its captions are kept beside it."""
        order = _ordered(asked, FilmOrder, "film")
        look = self._look(order, style)
        async with self._filming:
            made = await film(look, scenes=order.scenes)
        first, (width, height) = order.scenes[0], card.PORTRAIT
        poster = await asyncio.to_thread(card.portrait, look, title=first.title, body=first.words)
        medium = Medium(digest="", alt=made.alt, width=width, height=height, mime=MP4, captions=made.captions,
                        missing=made.missing)  # fmt: skip
        return await self._keep(medium, made.mp4, title=first.title, small=poster.png)

    def _look(self, order: Signed, style: Style) -> Look:
        return Look(name=order.name[:60], disclosure=order.disclosure[:60], brand=style.brand or self._brand,
                    faces=style.faces)  # fmt: skip

    async def _pictured(
        self, made: Picture, *, title: str, painter: str = "", tries: tuple[str, ...] = (), paint_micros: int = 0
    ) -> Medium:
        medium = Medium(digest="", alt=made.alt, width=made.width, height=made.height, painter=painter, tries=tries,
                        paint_micros=paint_micros)  # fmt: skip
        return await self._keep(medium, made.png, title=title, small=made.png)

    async def bytes_of(self, digest: str) -> bytes:
        """The very bytes that the digest names, with sound credentials; or `Invalid`."""
        return await self._read_back(await self._medium(digest))

    async def beside(self, digest: str) -> dict[str, str]:
        """What networks may want besides its bytes: where it lies, if that is public, and what is said in a film."""
        medium = await self._medium(digest)
        return {name: said for name, said in (("url", medium.url), ("captions", medium.captions)) if said}

    async def expire(self, *, now_us: int, days: int) -> int:
        """Remove what nobody vouches for any more after so many days: the lifecycle of drafts that never went out."""
        gone = await lifecycle.expire(self._objects, before_us=now_us - days * DAY_US)
        self._vouched.difference_update(gone)
        return len(gone)

    async def _keep(self, medium: Medium, made: bytes, *, title: str, small: bytes) -> Medium:
        signed = await asyncio.to_thread(self._credentials.sign, made, title=title, mime=medium.mime)
        digest = hashlib.sha256(signed).hexdigest()
        medium = replace(medium, digest=digest, thumbnail=f"{THUMBNAILS}/{digest}.png")
        medium = replace(medium, url=self._objects.url(_original(medium)))
        thumbnail = await asyncio.to_thread(card.thumbnail, small)
        medium = replace(medium, stored_bytes=len(signed) + len(thumbnail.png))
        await self._objects.put(medium.thumbnail, thumbnail.png, mime=PNG)
        await self._objects.put(_original(medium), signed, mime=medium.mime)
        await self._read_back(medium)
        await self._objects.put(_vouch(digest), msgspec.json.encode(medium), mime="application/json")
        self._vouched.add(digest)
        return medium

    async def _medium(self, digest: str) -> Medium:
        return msgspec.json.decode(await self._objects.get(_vouch(digest)), type=Medium)

    async def _read_back(self, medium: Medium) -> bytes:
        data = await self._objects.get(_original(medium))
        await asyncio.to_thread(_require_sound, data, medium)
        return data


class Vouched:
    """Implements `governance.safety.relations.Manifests` for whoever makes no media: over what the studio has put down.

    Effects read the bytes and their credentials back before anything goes out, whoever vouched for them.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._known: Recent[str, None] = Recent(VOUCHED_KEPT_MAX)

    async def learn(self, digests: Sequence[str]) -> None:
        """Look for the studio's word about each. Without it a medium is not verified."""
        for digest in digests:
            if digest not in self._known and await self._is_there(digest):
                self._known[digest] = None

    def is_verified(self, digest: str) -> bool:
        """Whether the studio's word about it was found."""
        return digest in self._known

    async def _is_there(self, digest: str) -> bool:
        try:
            await self._objects.get(_vouch(digest))
        except Missing:
            return False
        return True


def _ordered(asked: dict[str, Any], kind: type[Asked], tool: str) -> Asked:
    try:
        return msgspec.convert(asked, kind)
    except msgspec.ValidationError as error:
        raise Invalid(
            "tool_arguments", str(error)[:300], where=f"{tool}.arguments", remedy="the task is tried again by itself"
        ) from error


def _require_sound(data: bytes, medium: Medium) -> None:
    if hashlib.sha256(data).hexdigest() != medium.digest:
        raise Invalid("media_changed", "the picture is not the one that was signed", where=medium.digest,
                      remedy="have it made again")  # fmt: skip
    verdict = verify(data, mime=medium.mime)
    if not verdict.holds or not verdict.is_ai_made:
        raise Invalid("media_unsigned", f"its credentials do not hold: {', '.join(verdict.faults)}"[:300],
                      where=medium.digest, remedy="have it made again")  # fmt: skip


def _original(medium: Medium) -> str:
    return f"{ORIGINALS}/{medium.digest}.{ENDINGS[medium.mime]}"


def _vouch(digest: str) -> str:
    if len(digest) != 64 or not digest.isalnum():
        raise Missing("media_missing", "there is no such picture", where=digest[:80], remedy="look at its id")
    return vouch_of(digest)
