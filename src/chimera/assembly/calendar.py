"""Puts a calendar server before tools and publisher, where one is set. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from chimera.ports.publisher import Publisher
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings


@contextlib.asynccontextmanager
async def calendared(
    settings: Settings, tools: ToolsRead, publisher: Publisher
) -> AsyncGenerator[tuple[ToolsRead, Publisher]]:
    """The two with the calendar in front; without an address, as they are."""
    if not settings.calendar_url:
        yield tools, publisher
        return
    # Imported when used: the HTTP library is no command's but a fleet's.
    from chimera.adapters.calendar.caldav import CalDav, CalendarPublisher, CalendarTools

    server = CalDav(settings.calendar_url, login=(settings.calendar_name, settings.calendar_password))
    try:
        yield CalendarTools(tools, server), CalendarPublisher(publisher, server)
    finally:
        await server.close()
