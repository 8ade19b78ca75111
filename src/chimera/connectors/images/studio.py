"""The house's studio as an MCP server: pictures and short films made, signed as made by AI, and handed out by digest.

Makes what it is asked for and publishes nothing.
"""

from __future__ import annotations

import base64
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from chimera.connectors.web.reading import Arguments, Reader
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.offered import Tool, object_of, string_of
from chimera.ports.network import Declined

PLATFORM = "images"
TITLE_MAX, WORDS_MAX, NAME_MAX, SCENES_MAX = 120, 600, 60, 8
BARS_MAX, PICTURES_MAX = 12, 9
INSTRUCTIONS = (
    "A studio. It makes pictures and short films of words, signs each as made by AI, and keeps it under the SHA-256 of "
    "its bytes. A declined call carries `happened: false` and why."
)
_TITLE = string_of("what it is about", longest=TITLE_MAX)
_WORDS = string_of("what it says", longest=WORDS_MAX)
_BRAND: dict[str, Any] = {
    "name": string_of("whose it is", longest=NAME_MAX),
    "disclosure": string_of("how it says that it is an AI's", longest=NAME_MAX, shortest=0),
}
_SCENES = {"type": "array", "minItems": 1, "maxItems": SCENES_MAX,
           "items": object_of({"title": _TITLE, "words": _WORDS}, required=("title", "words"))}  # fmt: skip
_BARS = {"type": "array", "minItems": 1, "maxItems": BARS_MAX,
         "items": object_of({"name": _TITLE, "value": {"type": "integer", "minimum": 0, "maximum": 10**12}},
                            required=("name", "value"))}  # fmt: skip
_DIGEST = string_of("the SHA-256 of the bytes, in hexadecimal", longest=64, shortest=64)
TOOLS = (
    Tool(name="card", title="Make a picture", platform=PLATFORM, required=("title", "name"),
         description="Makes a picture with a title and words. Returns its digest, and what it shows in words.",
         arguments={"title": _TITLE, "body": _WORDS, **_BRAND}),
    Tool(name="chart", title="Make a chart", platform=PLATFORM, required=("title", "bars", "name"),
         description="Makes a bar chart of the figures given. Returns its digest, and what it shows in words.",
         arguments={"title": _TITLE, "bars": _BARS, **_BRAND}),
    Tool(name="collage", title="Make a collage", platform=PLATFORM, required=("pictures", "name"),
         description="Puts pictures of this studio side by side. Returns its digest, and what it shows in words.",
         arguments={"pictures": {"type": "array", "minItems": 1, "maxItems": PICTURES_MAX, "items": _DIGEST},
                    **_BRAND}),
    Tool(name="film", title="Make a short film", platform=PLATFORM, required=("scenes", "name"),
         description="Makes an upright film, some seconds for each scene. Returns its digest and captions.",
         arguments={"scenes": _SCENES, **_BRAND}),
    Tool(name="bytes", title="The bytes of a medium", platform=PLATFORM, required=("digest",),
         description="The bytes that a digest names, in Base64, if their credentials still hold.",
         arguments={"digest": _DIGEST}),
)  # fmt: skip


class Studio(Protocol):
    """The studio, without what it takes to draw."""

    async def card(self, asked: Arguments) -> Struct: ...

    async def chart(self, asked: Arguments) -> Struct: ...

    async def collage(self, asked: Arguments) -> Struct: ...

    async def film(self, asked: Arguments) -> Struct: ...

    async def bytes_of(self, digest: str) -> bytes: ...


def readers_of(studio: Studio) -> dict[str, Reader]:
    """What answers each tool."""

    async def card(arguments: Arguments) -> Arguments:
        return msgspec.to_builtins(await studio.card(arguments))

    async def chart(arguments: Arguments) -> Arguments:
        return msgspec.to_builtins(await studio.chart(arguments))

    async def collage(arguments: Arguments) -> Arguments:
        return msgspec.to_builtins(await studio.collage(arguments))

    async def film(arguments: Arguments) -> Arguments:
        return msgspec.to_builtins(await studio.film(arguments))

    async def bytes_(arguments: Arguments) -> Arguments:
        digest = str(arguments["digest"])
        return {"digest": digest, "data": base64.b64encode(await studio.bytes_of(digest)).decode()}

    readers = {"card": card, "chart": chart, "collage": collage, "film": film, "bytes": bytes_}
    return {name: _declining(reader) for name, reader in readers.items()}


def _declining(reader: Reader) -> Reader:
    async def read(arguments: Arguments) -> Arguments | Declined:
        try:
            return await reader(arguments)
        except ChimeraError as error:
            return Declined(error.code, error.message, later=isinstance(error, Unavailable))

    return read
