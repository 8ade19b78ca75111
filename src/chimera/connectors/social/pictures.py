"""The pictures and films of an act: their exact bytes, of a kind that networks show, and words for who cannot see."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from msgspec import Struct

from chimera.connectors.social.surface import media_bytes_max
from chimera.ports.network import Declined

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class Picture(Struct, frozen=True, kw_only=True):
    """One picture: its bytes or its address, and what it shows. A film has what is said in it besides."""

    alt: str
    data: bytes = b""
    kind: str = ""
    url: str = ""
    captions: str = ""

    @property
    def is_film(self) -> bool:
        """Whether it moves."""
        return self.kind.startswith("video/")


def pictures_of(arguments: dict[str, Any], *, films: bool = False) -> tuple[Picture, ...] | Declined:
    """Every picture of an act, and every film where they are taken; or what is wrong with one."""
    found: list[Picture] = []
    for given in arguments.get("media", ()):
        picture = _picture_of(given, films=films)
        if isinstance(picture, Declined):
            return picture
        found.append(picture)
    return tuple(found)


def _picture_of(given: dict[str, Any], *, films: bool) -> Picture | Declined:
    alt = str(given["alt"]).strip()
    if not alt:
        return Declined("image_without_words", "a picture needs words for those who cannot see it")
    url = str(given.get("url", ""))
    if not given.get("data"):
        return Picture(alt=alt, url=url) if url else Declined("image_malformed", "it has neither bytes nor an address")
    try:
        data = base64.b64decode(str(given["data"]), validate=True)
    except (binascii.Error, ValueError):
        return Declined("image_malformed", "the picture is not in Base64")
    kind = _kind_of(data) or (_film_kind_of(data) if films else "")
    if given.get("digest", digest_of_bytes(data)) != digest_of_bytes(data):
        return Declined("image_malformed", "the picture is another one than its digest says")
    most = media_bytes_max(films=films)
    if not kind or len(data) > most:
        what = "PNG, JPEG, WebP, GIF" + (", MP4, WebM" if films else "")
        return Declined("image_malformed", f"one of {what}, of {most} bytes at most")
    return Picture(alt=alt, data=data, kind=kind, url=url, captions=str(given.get("captions", "")))


def digest_of_bytes(data: bytes) -> str:
    """The SHA-256 of a picture."""
    return hashlib.sha256(data).hexdigest()


def _kind_of(data: bytes) -> str:
    """By its first bytes: what a caller says of them proves nothing."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS if data.startswith(start)), "")


def _film_kind_of(data: bytes) -> str:
    if data[4:8] == b"ftyp":
        return "video/mp4"
    return "video/webm" if data.startswith(b"\x1a\x45\xdf\xa3") else ""
