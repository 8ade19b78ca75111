"""`chimera top` against the real API: keys rule, undo takes back, strangers' words lie still."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx2
import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from chimera.client.shapes import FleetSummary
from chimera.client.terminal import desk, lines, screen
from chimera.client.terminal.asking import Say
from chimera.client.terminal.screen import Top
from chimera.domain.review import Review, ReviewState
from tests import fleet
from tests.api.conftest import World
from tests.client.test_client import house_of

SIZE = (160, 44)


async def until(pilot: Pilot[None], happened: Callable[[], object], what: str) -> None:
    for _ in range(200):
        await pilot.pause(0.05)
        if happened():
            return
    raise AssertionError(f"after ten seconds still not: {what}; the screen says {word_of(pilot)!r}")


def word_of(pilot: Pilot[None]) -> str:
    return str(pilot.app.query_one("#word", Static).content)


def seen_word(pilot: Pilot[None]) -> str:
    """The word about what just happened, as far as it can be seen: what lies over it hides it."""
    word = pilot.app.query_one("#word", Static)
    at_its_place, _ = pilot.app.screen.get_widget_at(*word.region.offset)
    return word_of(pilot) if at_its_place is word else ""


def shown(pilot: Pilot[None]) -> str:
    return str(pilot.app.query_one("#shown", Static).content)


def listed(pilot: Pilot[None]) -> list[str]:
    return [str(key.value) for key in pilot.app.query_one("#reviews", DataTable).rows]


async def state_of(world: World, review_id: str) -> ReviewState:
    return (await world.views.get(Review, review_id)).state


async def waited_for(world: World, review_id: str, state: ReviewState) -> None:
    for _ in range(100):
        if await state_of(world, review_id) is state:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"the review is {await state_of(world, review_id)}, not {state}")


@pytest.mark.requirement("R-F4", "R-L1")
async def test_keys_rule_and_undo_takes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "UNDO_SECONDS", 60.0)
    async with house_of(world, "operator") as (house, _), Top(house).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(listed(pilot)) == 4 and "approve" in shown(pilot), "four reviews, one shown")
        first = listed(pilot)[0]
        await pilot.press("a")
        await pilot.press("u")
        await until(pilot, lambda: first in listed(pilot), "what was taken back is on the list again")
        assert await state_of(world, first) is ReviewState.OPEN
        await until(pilot, lambda: "approve" in shown(pilot), "it is shown again")
        monkeypatch.setattr(desk, "UNDO_SECONDS", 0.5)
        chosen = listed(pilot)[pilot.app.query_one("#reviews", DataTable).cursor_row]
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, Say), "it asks why")
        await pilot.press("ctrl+s")
        assert isinstance(pilot.app.screen, Say), "without words nothing is sent"
        await pilot.press(*"too loud", "ctrl+s")
        await until(pilot, lambda: chosen not in listed(pilot), "it leaves the list")
        await waited_for(world, chosen, ReviewState.REJECTED)
        await until(pilot, lambda: listed(pilot) and "approve" in shown(pilot), "the next one is shown")
        last = listed(pilot)[pilot.app.query_one("#reviews", DataTable).cursor_row]
        await pilot.press("a", "ctrl+q")
    await waited_for(world, last, ReviewState.APPROVED)


@pytest.mark.requirement("R-F4", "R-L1")
async def test_somebody_who_may_only_look_is_told_so_and_a_halt_says_what_it_stops(world: World) -> None:
    async with house_of(world, "viewer") as (house, _), Top(house).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "do not let you look" in shown(pilot), "why the desk is empty")
        assert listed(pilot) == []
    async with house_of(world, "auditor") as (house, _), Top(house).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "you cannot rule" in shown(pilot), "a review that one may not rule on")
        await pilot.press("a")
        assert "you cannot rule" in word_of(pilot)
    async with house_of(world, "operator") as (house, _), Top(house).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: listed(pilot), "the desk")
        await pilot.press("2")
        await until(pilot, lambda: pilot.app.query_one("#agents", DataTable).row_count == 3, "three agents")
        await pilot.press("h")
        await until(pilot, lambda: isinstance(pilot.app.screen, Say), "it asks why, and says what stops")
        await pilot.press(*"drill", "ctrl+s")
        await until(pilot, lambda: "is halted" in word_of(pilot), "the agent is halted")
    assert any(scope.startswith("agent:") for scope in await world.views.halted())


class Stalling(httpx2.AsyncBaseTransport):
    """Reaches the house, until its answers are kept back."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self.flows = asyncio.Event()
        self.flows.set()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        await self.flows.wait()
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.mark.requirement("R-L1")
async def test_a_house_that_does_not_answer_is_said_where_it_is_seen_and_comes_back_by_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database is away, say: requests wait for it, and figures that stand still look as if all were well."""
    monkeypatch.setattr(screen, "SILENT_SECONDS", 0.5)
    way = Stalling()
    async with house_of(world, "operator", way=way) as (house, _), Top(house).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: seen_word(pilot) == "? for keys", "the word can be seen")
        way.flows.clear()
        await until(pilot, lambda: seen_word(pilot).startswith("stale since"), "it says since when")
        assert screen.SILENT in seen_word(pilot)
        way.flows.set()
        await until(pilot, lambda: seen_word(pilot) == "? for keys", "it is there again")


@pytest.mark.requirement("R-L1", "R-L2")
async def test_a_house_where_nobody_manages_says_so_on_the_screen_and_as_json(world: World, tmp_path: Path) -> None:
    async with house_of(world, "operator") as (house, port):
        async with Top(house).run_test(size=SIZE) as pilot:
            above = pilot.app.query_one("#fleet", Static)
            await until(pilot, lambda: lines.NO_MANAGER in str(above.content), "nobody manages")
        token = await world.secret_of("viewer", "viewer", by_token=True)
        answer = await asyncio.to_thread(
            fleet.chimera, tmp_path / "home", "top", "--url", f"http://127.0.0.1:{port}", "--json", CHIMERA_TOKEN=token
        )
        now = await house.fleet()
    assert answer.code == 0, answer.err
    told = msgspec.convert(answer.object, FleetSummary)
    assert (told.managers, told.agents) == (0, now.agents)
    busy = msgspec.structs.replace(now, managers=2, oldest_ready_us=61 * lines.MICROS)
    assert lines.NO_MANAGER not in lines.fleet_lines(busy).plain
    assert "the oldest for 1 min 1 s" in lines.fleet_lines(busy).plain
    older = msgspec.structs.replace(now, managers=None)
    assert lines.NO_MANAGER not in lines.fleet_lines(older).plain, "a house that was not updated does not say"


@pytest.mark.requirement("R-D1")
def test_strangers_words_cannot_steer_a_terminal() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\u2066\x9b31m [b]bold[/b]\nsecond"
    told = lines.plain(hostile)
    assert not set(told) & {"\x1b", "\x07", "\x9b", "\u202e", "\u2066"}
    assert told.endswith("[b]bold[/b]\nsecond")
    assert "\n" not in lines.one_line(hostile)
