"""How an agent's pictures look: a brand's template as data, and the persona's own face. Draws nothing. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

FACES_MAX = 3
FACE_BYTES_MAX = 256 * 1024
HOUSE_BRAND = "house"

Colour: TypeAlias = Annotated[
    str, Meta(pattern=r"^#[0-9a-f]{6}$", max_length=7, extra_json_schema={"x-form": 'a colour such as "#14213d"'})
]
_Size = Annotated[int, Meta(ge=12, le=120)]
_Side = Annotated[int, Meta(ge=320, le=2_000)]


class Brand(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A template: colours, sizes in pixels, where the coloured edge is and where the persona's face stands."""

    paper: Colour
    ink: Colour
    accent: Colour
    width: _Side
    height: _Side
    margin: Annotated[int, Meta(ge=8, le=160)]
    title: _Size
    body: _Size
    small: _Size
    edge: Literal["top", "left", "none"]
    face: Literal["left", "right", "none"]


class Look(Struct, frozen=True, kw_only=True):
    """What every picture of one agent shows: its name, how it says that an AI made this, its brand, its faces.

    `faces` are the reference images of its package, as they were when this version was installed.
    """

    name: str
    disclosure: str
    brand: Brand
    faces: tuple[bytes, ...] = ()


class Style(Struct, frozen=True, kw_only=True):
    """An agent's own part of a look: what its package brought. Without a brand it has the house's."""

    agent_id: str = ""
    brand: Brand | None = None
    faces: tuple[bytes, ...] = ()


PLAIN = Style()
