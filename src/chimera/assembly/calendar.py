"""Puts a calendar server before tools and publisher, where one is set. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from typing import Any

from chimera.adapters.local.home import prepare_home
from chimera.adapters.system.clock import SystemClock
from chimera.domain.errors import Missing
from chimera.ports.publisher import Publisher
from chimera.ports.tools_read import ToolsRead
from chimera.settings import Settings

JOURNAL = "networks/calendar-connector.jsonl"


@contextlib.asynccontextmanager
async def connector(settings: Settings) -> AsyncGenerator[Any]:
    """The MCP server in front of the calendar server."""
    # Imported when used, as below.
    from chimera.adapters.calendar.acts import CalendarActs
    from chimera.adapters.calendar.caldav import CalDav, CalendarPublisher, CalendarTools
    from chimera.adapters.local.nowhere import NoPublisher, NoTools
    from chimera.connectors import desk
    from chimera.connectors.calendar.meetings import INSTRUCTIONS, TOOLS, Calendar
    from chimera.connectors.social.journal import Journal

    if not settings.calendar_url:
        raise Missing("calendar_missing", "no calendar server is named", where="CHIMERA_CALENDAR_URL",
                      remedy="name a CalDAV server")  # fmt: skip
    clock = SystemClock()
    server = CalDav(settings.calendar_url, login=(settings.calendar_name, settings.calendar_password))
    journal = Journal(prepare_home(settings.folder) / JOURNAL, clock)
    acts = CalendarActs(CalendarPublisher(NoPublisher(), server), clock)
    behind = Calendar(CalendarTools(NoTools(), server), acts, journal)
    try:
        yield desk.build("chimera-calendar", behind, TOOLS, instructions=INSTRUCTIONS)
    finally:
        await server.close()


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
