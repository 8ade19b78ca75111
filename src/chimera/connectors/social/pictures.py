"""The pictures of an act: their exact bytes, of a kind that networks show, and words for those who cannot see."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from msgspec import Struct

from chimera.connectors.social.surface import MEDIUM_BYTES_MAX
from chimera.ports.network import Declined

_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


class Picture(Struct, frozen=True, kw_only=True):
    """One picture: its bytes or its address, and what it shows."""

    alt: str
    data: bytes = b""
    kind: str = ""
    url: str = ""


def pictures_of(arguments: dict[str, Any]) -> tuple[Picture, ...] | Declined:
    """Every picture of an act; or what is wrong with one."""
    found: list[Picture] = []
    for given in arguments.get("media", ()):
        picture = _picture_of(given)
        if isinstance(picture, Declined):
            return picture
        found.append(picture)
    return tuple(found)


def _picture_of(given: dict[str, Any]) -> Picture | Declined:
    alt = str(given["alt"]).strip()
    if not alt:
        return Declined("image_without_words", "a picture needs words for those who cannot see it")
    if bool(given.get("data")) == bool(given.get("url")):
        return Declined("image_malformed", "a picture has bytes or an address, and not both")
    if given.get("url"):
        return Picture(alt=alt, url=str(given["url"]))
    try:
        data = base64.b64decode(str(given["data"]), validate=True)
    except (binascii.Error, ValueError):
        return Declined("image_malformed", "the picture is not in Base64")
    kind = _kind_of(data)
    if given.get("digest", digest_of_bytes(data)) != digest_of_bytes(data):
        return Declined("image_malformed", "the picture is another one than its digest says")
    if not kind or len(data) > MEDIUM_BYTES_MAX:
        return Declined("image_malformed", f"PNG, JPEG, WebP or GIF of {MEDIUM_BYTES_MAX} bytes at most")
    return Picture(alt=alt, data=data, kind=kind)


def digest_of_bytes(data: bytes) -> str:
    """The SHA-256 of a picture."""
    return hashlib.sha256(data).hexdigest()


def _kind_of(data: bytes) -> str:
    """By its first bytes: what a caller says of them proves nothing."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS if data.startswith(start)), "")
