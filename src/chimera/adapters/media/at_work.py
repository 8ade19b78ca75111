"""The studio as workers and effects meet it: a tool that makes pictures, and a publisher that carries their bytes.

A worker gets a digest and an alt text. Effects, whose grant names the digest, send the bytes that it names, or nothing.
"""

from __future__ import annotations

import base64
from typing import Any, Protocol, cast

import msgspec
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.brand import Style
from chimera.domain.costing import storage_micros
from chimera.domain.errors import ChimeraError
from chimera.ports.publisher import Order, Outcome, Publisher, Rejected, Trace, Traits
from chimera.ports.tools_read import ToolAnswer, ToolsRead


class Stored(Protocol):
    """A picture or film as it is kept."""

    @property
    def stored_bytes(self) -> int: ...

    @property
    def paint_micros(self) -> int: ...


class Pictures(Protocol):
    """The studio, without what it takes to draw."""

    async def card(self, asked: dict[str, Any], *, style: Style) -> Stored: ...

    async def chart(self, asked: dict[str, Any], *, style: Style) -> Stored: ...

    async def collage(self, asked: dict[str, Any], *, style: Style) -> Stored: ...

    async def painting(self, asked: dict[str, Any], *, style: Style) -> Stored: ...

    async def film(self, asked: dict[str, Any], *, style: Style) -> Stored: ...

    async def bytes_of(self, digest: str) -> bytes: ...

    async def beside(self, digest: str) -> dict[str, str]: ...


class Styles(Protocol):
    """Which brand and which face an agent's package brought. No worker says whose face it wants."""

    async def style_of(self, agent_id: str) -> Style: ...


class HouseStyle:
    """Implements `Styles` where no packages are known: everybody has the house's brand."""

    async def style_of(self, agent_id: str) -> Style:
        """The house's own."""
        return Style(agent_id=agent_id)


class StudioTools:
    """Implements `ports.tools_read.ToolsRead`: what makes media is the studio's; everything else is asked behind it.

    What the studio says is the house's own word; the words in a picture were the asker's, who keeps their labels.
    """

    def __init__(
        self, tools: ToolsRead, studio: Pictures, *, styles: Styles | None = None, gigabyte_micros: int = 0
    ) -> None:
        self._tools = tools
        self._makers = {"card": studio.card, "chart": studio.chart, "collage": studio.collage,
                        "painting": studio.painting, "film": studio.film}  # fmt: skip
        self._styles = styles or HouseStyle()
        self._gigabyte_micros = gigabyte_micros

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """A picture, or the answer of the tools behind."""
        make = self._makers.get(tool)
        if make is None:
            return await self._tools.call(tool, arguments, agent_id=agent_id)
        medium = await make(arguments, style=await self._styles.style_of(agent_id))
        cost_micros = medium.paint_micros + storage_micros(medium.stored_bytes, gigabyte_micros=self._gigabyte_micros)
        return ToolAnswer(content=msgspec.to_builtins(medium), labels=(), cost_micros=cost_micros)


class MediaPublisher:
    """Implements `ports.publisher.Publisher` before another: puts the bytes of media into the order."""

    def __init__(self, publisher: Publisher, studio: Pictures) -> None:
        self._publisher = publisher
        self._studio = studio

    def traits(self, action: Action) -> Traits:
        """Those of the publisher behind."""
        return self._publisher.traits(action)

    async def publish(self, order: Order) -> Outcome:
        """Perform it with its media; one that is missing or was changed stops the whole act before it begins."""
        try:
            carried = await self._carried(order.action)
        except ChimeraError as error:
            return Rejected(error.code, later=False)
        return await self._publisher.publish(replace(order, action=carried))

    async def look_up(self, order: Order) -> Trace:
        """Whether it happened: the key is the same with and without bytes."""
        return await self._publisher.look_up(order)

    async def _carried(self, action: Action) -> Action:
        given = action.arguments.get("media")
        if not isinstance(given, list | tuple):
            return action
        media = [{**item, **await self._carried_of(str(item.get("digest", "")))}
                 for item in cast("list[dict[str, Any]]", given)]  # fmt: skip
        return replace(action, arguments={**action.arguments, "media": media})

    async def _carried_of(self, digest: str) -> dict[str, str]:
        data = base64.b64encode(await self._studio.bytes_of(digest)).decode()
        return {"data": data, **await self._studio.beside(digest)}
