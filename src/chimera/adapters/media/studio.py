"""The house's studio: composes pictures, signs them, keeps them, and vouches only for what it has read back.

Makes what it is told to and publishes nothing. Holds the media key, which no worker ever has.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import msgspec
from msgspec import Struct

from chimera.adapters.media.credentials import Credentials, verify
from chimera.domain.errors import Invalid, Missing
from chimera.ports.objects import Objects
from chimera.skills.media import card
from chimera.skills.media.card import Brand, Picture

PNG = "image/png"
ORIGINALS, THUMBNAILS, VOUCHED = "originals", "thumbnails", "vouched"
DAY_US = 86_400_000_000


class Medium(Struct, frozen=True, kw_only=True):
    """What is kept of one picture: named by the SHA-256 of its signed bytes."""

    digest: str
    alt: str
    width: int
    height: int
    mime: str = PNG
    thumbnail: str = ""
    url: str = ""


class CardOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a card is to show, as the tool `card` is asked for it."""

    title: str
    name: str
    body: str = ""
    disclosure: str = ""


class Studio:
    """Implements `governance.safety.relations.Manifests` over what it has verified."""

    def __init__(self, *, objects: Objects, credentials: Credentials) -> None:
        self._objects = objects
        self._credentials = credentials
        self._vouched: set[str] = set()

    async def remember(self) -> int:
        """Which pictures were vouched for before this start. Their bytes are looked at again before they go out."""
        kept = await self._objects.list(VOUCHED)
        self._vouched.update(one.name.rpartition("/")[2].removesuffix(".json") for one in kept)
        return len(kept)

    def is_verified(self, digest: str) -> bool:
        """Whether the studio has read it back and found its credentials sound."""
        return digest in self._vouched

    async def card(self, asked: dict[str, Any]) -> Medium:
        """A card: composed and signed in a thread, kept, read back, and only then vouched for."""
        try:
            order = msgspec.convert(asked, CardOrder)
        except msgspec.ValidationError as error:
            raise Invalid("tool_arguments", str(error)[:300], where="card.arguments") from error
        brand = Brand(name=order.name[:60], disclosure=order.disclosure[:60])
        picture, signed, small = await asyncio.to_thread(self._made, brand, order)
        return await self._keep(picture, signed, small)

    async def bytes_of(self, digest: str) -> bytes:
        """The very bytes that the digest names, with sound credentials; or `Invalid`."""
        data = await self._objects.get(_original(digest))
        await asyncio.to_thread(_require_sound, data, digest)
        return data

    async def expire(self, *, now_us: int, days: int) -> int:
        """Remove what nobody vouches for any more after so many days: the lifecycle of drafts that never went out."""
        before_us = now_us - days * DAY_US
        old = [one for one in await self._objects.list(ORIGINALS) if one.at_us < before_us]
        for one in old:
            digest = one.name.rpartition("/")[2].removesuffix(".png")
            self._vouched.discard(digest)
            for name in (_vouch(digest), f"{THUMBNAILS}/{digest}.png", one.name):
                await self._objects.delete(name)
        return len(old)

    def _made(self, brand: Brand, order: CardOrder) -> tuple[Picture, bytes, bytes]:
        picture = card.card(brand, title=order.title, body=order.body)
        return picture, self._credentials.sign(picture.png, title=order.title), card.thumbnail(picture.png).png

    async def _keep(self, picture: Picture, signed: bytes, small: bytes) -> Medium:
        digest = hashlib.sha256(signed).hexdigest()
        medium = Medium(digest=digest, alt=picture.alt, width=picture.width, height=picture.height,
                        thumbnail=f"{THUMBNAILS}/{digest}.png", url=self._objects.url(_original(digest)))  # fmt: skip
        await self._objects.put(medium.thumbnail, small, mime=PNG)
        await self._objects.put(_original(digest), signed, mime=PNG)
        await self.bytes_of(digest)
        await self._objects.put(_vouch(digest), msgspec.json.encode(medium), mime="application/json")
        self._vouched.add(digest)
        return medium


def _require_sound(data: bytes, digest: str) -> None:
    if hashlib.sha256(data).hexdigest() != digest:
        raise Invalid("media_changed", "the picture is not the one that was signed", where=digest,
                      remedy="have it made again")  # fmt: skip
    verdict = verify(data)
    if not verdict.holds or not verdict.is_ai_made:
        raise Invalid("media_unsigned", f"its credentials do not hold: {', '.join(verdict.faults)}"[:300],
                      where=digest, remedy="have it made again")  # fmt: skip


def _original(digest: str) -> str:
    if len(digest) != 64 or not digest.isalnum():
        raise Missing("media_missing", "there is no such picture", where=digest[:80])
    return f"{ORIGINALS}/{digest}.png"


def _vouch(digest: str) -> str:
    return f"{VOUCHED}/{digest}.json"
