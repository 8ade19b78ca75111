"""A calendar server by CalDAV (RFC 4791): when people are busy, and the meetings and tasks that are put there.

What is put has a name of ours, made from the grant: putting it again finds it there. Reads no invitation as an order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import httpx2

from chimera.domain import labels
from chimera.domain.action import Action
from chimera.domain.durations import DAY_US
from chimera.domain.errors import Invalid, Unavailable
from chimera.ports.publisher import Absent, Order, Outcome, Published, Publisher, Rejected, Trace, Traits, Unknown
from chimera.ports.tools_read import ToolAnswer, ToolsRead

SECONDS_MAX = 10.0
PEOPLE_MAX = 20
CALENDAR, FREEBUSY = "calendar", "freebusy"
_SPAN = re.compile(r"(\d{8}T\d{6}Z)/(\d{8}T\d{6}Z|P[^,\s]+)")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_QUERY = (
    '<?xml version="1.0"?><C:free-busy-query xmlns:C="urn:ietf:params:xml:ns:caldav">'
    '<C:time-range start="{start}" end="{end}"/></C:free-busy-query>'
)


class CalDav:
    """One server with one login. Every person has a calendar `/NAME/calendar/`."""

    def __init__(self, url: str, *, login: tuple[str, str]) -> None:
        self._client = httpx2.AsyncClient(base_url=url.rstrip("/"), auth=login, timeout=SECONDS_MAX)

    async def busy(self, person: str, *, from_us: int, to_us: int) -> list[dict[str, int]]:
        """When somebody is busy, without what for."""
        query = _QUERY.format(start=_stamp(from_us), end=_stamp(to_us))
        answer = await self._ask("REPORT", _folder(person), query, {"Content-Type": "application/xml", "Depth": "1"})
        if answer.status_code != 200:
            raise Unavailable("calendar_refuses", f"the calendar of {person} answers {answer.status_code}",
                              where="calendar", remedy="look at the login and the person's name")  # fmt: skip
        unfolded = answer.text.replace("\r\n ", "")
        return [{"from_us": _moment(start), "to_us": _moment(end)} for start, end in _SPAN.findall(unfolded)
                if not end.startswith("P")]  # fmt: skip

    async def put(self, person: str, name: str, text: str, *, fresh: bool) -> int:
        """Put it there; where it has to be fresh, what is there already stays. The server's answer."""
        headers = {"Content-Type": "text/calendar; charset=utf-8", **({"If-None-Match": "*"} if fresh else {})}
        return (await self._ask("PUT", f"{_folder(person)}{name}.ics", text, headers)).status_code

    async def get(self, person: str, name: str) -> str | None:
        """What stands under a name; None when nothing does."""
        answer = await self._ask("GET", f"{_folder(person)}{name}.ics", "", {})
        return answer.text if answer.status_code == 200 else None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(self, method: str, path: str, body: str, headers: dict[str, str]) -> httpx2.Response:
        try:
            return await self._client.request(method, path, content=body.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise Unavailable("calendar_unreachable", f"the calendar does not answer: {error}"[:200], where="calendar",
                              remedy="look at calendar_url in the settings") from error  # fmt: skip


class CalendarTools:
    """Implements `ports.tools_read.ToolsRead`: `freebusy` is the calendar's; everything else is asked behind it."""

    def __init__(self, tools: ToolsRead, calendar: CalDav) -> None:
        self._tools = tools
        self._calendar = calendar

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        """Spans in which somebody is busy. Times are no words: nobody can give an order in them."""
        if tool != FREEBUSY:
            return await self._tools.call(tool, arguments, agent_id=agent_id)
        people = [str(person) for person in arguments["people"]][:PEOPLE_MAX]
        first_us = int(datetime.fromisoformat(f"{arguments['first_day']}T00:00:00+00:00").timestamp()) * 1_000_000
        # A day earlier than asked: the day begins at another moment in every time zone.
        from_us, to_us = first_us - DAY_US, first_us + (int(arguments["days"]) + 1) * DAY_US
        busy = [span for person in people for span in await self._calendar.busy(person, from_us=from_us, to_us=to_us)]
        return ToolAnswer(content={"busy": busy}, labels=(labels.PLATFORM,))


class CalendarPublisher:
    """Implements `ports.publisher.Publisher` for the platform `calendar`, before that of all others."""

    def __init__(self, publisher: Publisher, calendar: CalDav) -> None:
        self._publisher = publisher
        self._calendar = calendar

    def traits(self, action: Action) -> Traits:
        """A name of ours is taken once, and can be asked for: nothing is doubted for long."""
        if action.platform != CALENDAR:
            return self._publisher.traits(action)
        return Traits(deduplicates=True, looks_up=True, settling_seconds=0.0)

    async def publish(self, order: Order) -> Outcome:
        """Put it into the calendar of everybody whom it names. Told twice, nobody is invited twice."""
        if order.action.platform != CALENDAR:
            return await self._publisher.publish(order)
        try:
            return await self._put(order)
        except Invalid as error:
            return Rejected(error.code)
        except Unavailable as error:
            return Unknown(error.message)

    async def look_up(self, order: Order) -> Trace:
        """It happened when it stands in every calendar that it names."""
        if order.action.platform != CALENDAR:
            return await self._publisher.look_up(order)
        try:
            texts = [await self._calendar.get(person, _name_of(order)) for person in _people(order)]
        except Unavailable as error:
            return Unknown(error.message)
        mark = f"X-CHIMERA-GRANT:{order.grant_id}"
        standing = [text is not None and mark in text for text in texts]
        if all(standing):
            return Published({"id": _name_of(order), "people": len(texts)})
        return Unknown("it stands in some of the calendars") if any(standing) else Absent()

    async def _put(self, order: Order) -> Outcome:
        name, fresh = _name_of(order), order.action.kind != "meeting.move"
        text = _written(order)
        for person in _people(order):
            if not fresh and await self._calendar.get(person, name) is None:
                return Rejected("meeting_missing")
            status = await self._calendar.put(person, name, text, fresh=fresh)
            if status not in (200, 201, 204, 412):
                return Unknown(f"the calendar of {person} answers {status}")
        return Published({"id": name, "people": len(_people(order))})


def _people(order: Order) -> Sequence[str]:
    named = order.action.arguments.get("people")
    if not isinstance(named, list | tuple):
        return [order.action.account.lstrip("@")]
    return [str(person) for person in cast("Sequence[object]", named)]


def _name_of(order: Order) -> str:
    """The meeting's own name: the grant that set it; a move names the meeting that is moved."""
    return str(order.action.arguments.get("meeting") or order.grant_id)


def _written(order: Order) -> str:
    """RFC 5545, in moments of UTC: the clocks of those who read it do the rest."""
    arguments, name = order.action.arguments, _name_of(order)
    common = (f"UID:{name}", f"SUMMARY:{_escaped(str(arguments['title']))}", f"X-CHIMERA-GRANT:{order.grant_id}",
              f"DTSTAMP:{_stamp(order.deadline_us)}")  # fmt: skip
    if order.action.kind == "task.keep":
        lines = ("BEGIN:VTODO", *common, f"DUE:{_stamp(int(arguments['due_us']))}", "STATUS:NEEDS-ACTION", "END:VTODO")
    else:
        guests = (f"ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{person}@calendar.invalid" for person in _people(order))
        sequence = 1 if order.action.kind == "meeting.move" else 0
        lines = ("BEGIN:VEVENT", *common, f"DTSTART:{_stamp(int(arguments['from_us']))}",
                 f"DTEND:{_stamp(int(arguments['to_us']))}", f"SEQUENCE:{sequence}", *guests, "END:VEVENT")  # fmt: skip
    return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Chimera//EN", *lines, "END:VCALENDAR", ""))


def _escaped(text: str) -> str:
    escaped = text[:200].replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,")
    return " ".join(escaped.split())


def _folder(person: str) -> str:
    if not _NAME.fullmatch(person):
        raise Invalid(
            "calendar_person",
            f"this names nobody with a calendar: {person[:60]!r}",
            where="people",
            remedy="use the name on the calendar server",
        )
    return f"/{person}/calendar/"


def _stamp(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")


def _moment(stamp: str) -> int:
    return int(datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()) * 1_000_000
