"""Meetings and tasks on a real Radicale: three meet across a change of clocks, are moved once, invited once."""

from __future__ import annotations

import socket
import subprocess
import sys
import time as machine
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from typing import Any

import httpx2
import msgspec
import pytest

from chimera.adapters.calendar.caldav import CalDav, CalendarPublisher, CalendarTools
from chimera.domain.action import Action
from chimera.domain.agent import Account
from chimera.domain.decision import Allow
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.grant import PerformanceState
from chimera.domain.work import Assignment
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.desk import Desk
from chimera.skills.meetings import meet
from chimera.skills.meetings.slots import Span, Wish, first_free
from tests.small_house import CONTRACTS, GATE, PROMPTS, SPECS, SmallHouse
from tests.small_work import SayingModel

pytestmark = [pytest.mark.requirement("R-C2"), pytest.mark.timeout(120)]
PEOPLE = ("ada", "grace", "otto")
PERMISSIONS = ("calendar.meet", "calendar.read", "calendar.task", "meeting.set", "meeting.move", "task.keep")
# On 29 March 2026 the clocks in Berlin go from 02:00 to 03:00.
FRIDAY = date(2026, 3, 27)


def utc(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000


def test_civil_hours_are_those_of_the_wall_before_and_after_the_clocks_change() -> None:
    wish = Wish(minutes=60, first_day=FRIDAY, days=10, zone="Europe/Berlin")
    friday = first_free(wish, ())
    assert friday == Span(from_us=utc("2026-03-27T08:00:00"), to_us=utc("2026-03-27T09:00:00"))
    busy = Span(from_us=utc("2026-03-27T00:00:00"), to_us=utc("2026-03-28T00:00:00"))
    monday = first_free(wish, (busy,))
    assert monday == Span(from_us=utc("2026-03-30T07:00:00"), to_us=utc("2026-03-30T08:00:00"))
    assert first_free(wish, (Span(from_us=0, to_us=utc("2027-01-01T00:00:00")),)) is None


# ── on a real server ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("radicale")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("--config", "", "--server-hosts", f"127.0.0.1:{port}", "--auth-type", "none", "--rights-type",
             "authenticated", "--storage-filesystem-folder", str(folder))  # fmt: skip
    (folder / "rights").write_text("[all]\nuser: .*\ncollection: .*\npermissions: RrWw\n")
    words = (*words[:7], "from_file", "--rights-file", str(folder / "rights"), *words[8:])
    with subprocess.Popen([sys.executable, "-m", "radicale", *words], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:  # fmt: skip
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    for _ in range(300):
        try:
            httpx2.get(url, timeout=2)
            return
        except httpx2.HTTPError:
            machine.sleep(0.2)
    raise AssertionError("Radicale did not come up")


class NoTools:
    """Implements `ports.tools_read.ToolsRead` for an agent that has none."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        raise AssertionError(tool)


async def emptied(url: str) -> None:
    """Everybody has a calendar, and nothing stands in it."""
    async with httpx2.AsyncClient(base_url=url, auth=("assistant", "any")) as client:
        for person in (*PEOPLE, "assistant"):
            await client.request("DELETE", f"/{person}/")
            await client.request("MKCOL", f"/{person}/")
            made = await client.request("MKCALENDAR", f"/{person}/calendar/")
            assert made.status_code == 201, made.text


class Office:
    """The assistant, three people with calendars, and a house that grants."""

    def __init__(self, url: str, house: SmallHouse) -> None:
        self.url, self.house = url, house
        self.server = CalDav(url, login=("assistant", "any"))
        self.publisher = CalendarPublisher(house.publisher, self.server)
        house.publisher = self.publisher

    async def prepare(self) -> None:
        await emptied(self.url)

    async def busy(self, person: str, start: str, end: str) -> None:
        text = (f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//t//EN\r\nBEGIN:VEVENT\r\nUID:{person}{start}\r\n"
                f"DTSTAMP:20260101T000000Z\r\nSUMMARY:the clinic\r\nDTSTART:{start}\r\nDTEND:{end}\r\n"
                "END:VEVENT\r\nEND:VCALENDAR\r\n")  # fmt: skip
        assert await self.server.put(person, f"own{start}", text, fresh=True) == 201

    async def proposed(self, spec: str, **asked: Any) -> Action:
        task = await self.house.a_task(spec=spec, input=asked)
        assignment = Assignment(task=task, persona=self.house.agent.persona, account="@assistant", platform="calendar",
                                permissions=PERMISSIONS)  # fmt: skip
        desk = Desk(assignment, spec=SPECS[spec], model=SayingModel("never asked"), prompts=PROMPTS,
                    tools=CalendarTools(NoTools(), self.server))  # fmt: skip
        draft = await meet.keep(desk)
        assert not CONTRACTS.output_findings(SPECS[spec], draft.output)
        assert draft.action is not None
        return draft.action

    async def done(self, action: Action) -> PerformanceState:
        granted = await self.house.grant(action)
        return (await self.house.effects().perform(granted.grant.id)).state

    async def meetings(self, person: str) -> list[str]:
        """What of ours stands in a calendar."""
        async with httpx2.AsyncClient(base_url=self.url, auth=("assistant", "any")) as client:
            listed = (await client.request("PROPFIND", f"/{person}/calendar/", headers={"Depth": "1"})).text
            names = [
                part.split("<")[0] for part in listed.split("/calendar/")[1:] if part.split("<")[0].endswith(".ics")
            ]
            texts = [(await client.get(f"/{person}/calendar/{name}")).text for name in sorted(set(names))]
        return [text for text in texts if "X-CHIMERA-GRANT" in text]


@pytest.fixture
async def office(radicale: str) -> AsyncIterator[Office]:
    house = SmallHouse()
    house.agent = house.an_agent("assistant", permissions=PERMISSIONS)
    await house.open()
    await house.change_agent(accounts=(*house.agent.accounts, Account("calendar", "@assistant")))
    made = Office(radicale, house)
    await made.prepare()
    yield made
    await made.server.close()


async def test_three_meet_after_the_clocks_change_are_moved_once_and_invited_once(office: Office) -> None:
    # Friday is taken by one of them or another; on Monday the first is busy until ten, by the new time.
    await office.busy("ada", "20260327T000000Z", "20260327T120000Z")
    await office.busy("grace", "20260327T110000Z", "20260328T000000Z")
    await office.busy("otto", "20260330T060000Z", "20260330T080000Z")
    asked = {"title": "Planning", "people": list(PEOPLE), "minutes": 30, "first_day": "2026-03-27",
             "zone": "Europe/Berlin"}  # fmt: skip
    action = await office.proposed("calendar.meeting", **asked)
    assert action.arguments["from_us"] == utc("2026-03-30T08:00:00"), "ten in Berlin, in summer time"
    assert "clinic" not in str(action.arguments)
    granted = await office.house.grant(action)
    assert (await office.house.effects().perform(granted.grant.id)).state is PerformanceState.FINISHED
    for person in PEOPLE:
        (text,) = await office.meetings(person)
        assert "DTSTART:20260330T080000Z" in text
    moved = await office.proposed("calendar.move", **asked, meeting=granted.grant.id)
    assert moved.arguments["from_us"] == utc("2026-03-30T08:30:00"), "its own old time is taken, by itself"
    assert await office.done(moved) is PerformanceState.FINISHED
    for person in PEOPLE:
        (text,) = await office.meetings(person)
        assert "DTSTART:20260330T083000Z" in text
        assert "SEQUENCE:1" in text
        assert f"UID:{granted.grant.id}" in text


async def test_a_kill_between_two_calendars_invites_nobody_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = await office.proposed("calendar.meeting", title="Planning", people=list(PEOPLE), minutes=30,
                                   first_day="2026-03-30", zone="Europe/Berlin")  # fmt: skip
    granted = await office.house.grant(action)
    put, puts = office.server.put, list[str]()

    async def killed(person: str, name: str, text: str, *, fresh: bool) -> int:
        if puts:
            raise Unavailable("calendar_unreachable", "killed", where="calendar")
        puts.append(person)
        return await put(person, name, text, fresh=fresh)

    with monkeypatch.context() as dying:
        dying.setattr(office.server, "put", killed)
        performance = await office.house.effects().perform(granted.grant.id)
    assert performance.state is PerformanceState.IN_DOUBT
    assert [len(await office.meetings(person)) for person in PEOPLE] == [1, 0, 0]
    recovered = await office.house.effects().recover(performance)
    assert recovered.state is PerformanceState.FINISHED
    assert [len(await office.meetings(person)) for person in PEOPLE] == [1, 1, 1]


async def test_a_task_is_kept_with_its_due_time_and_a_meeting_that_is_not_there_is_not_moved(office: Office) -> None:
    due_us = utc("2026-03-31T15:00:00")
    action = await office.proposed("calendar.task", title="Send the notes; all", due_us=due_us)
    assert await office.done(action) is PerformanceState.FINISHED
    (text,) = await office.meetings("assistant")
    assert "BEGIN:VTODO" in text
    assert "DUE:20260331T150000Z" in text
    assert "Send the notes\\; all" in text
    missing = await office.proposed("calendar.move", title="Planning", people=["ada"], minutes=30, zone="UTC",
                                    first_day="2026-03-30", meeting="0" * 8)  # fmt: skip
    assert await office.done(missing) is PerformanceState.FAILED
    with pytest.raises(Invalid, match="calendar_person"):
        await office.proposed("calendar.meeting", title="Planning", people=["../ada"], minutes=30, zone="UTC",
                              first_day="2026-03-30")  # fmt: skip


async def test_the_gate_lets_a_meeting_through_that_is_permitted_and_no_other(office: Office) -> None:
    action = await office.proposed("calendar.meeting", title="Planning", people=list(PEOPLE), minutes=30,
                                   first_day="2026-03-30", zone="Europe/Berlin")  # fmt: skip
    task = await office.house.a_task(spec="calendar.meeting", input={"title": "Planning"})
    question = office.house.question(task, action, accounts=(Account("calendar", "@assistant"),))
    assert isinstance(GATE.decide(question).decision, Allow)
    without = msgspec.structs.replace(question, permissions=())
    assert not isinstance(GATE.decide(without).decision, Allow)
