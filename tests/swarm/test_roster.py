"""The manager's view of the fleet: never older than it says, and a read that failed counts as no read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import pytest
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.agent import Agent, AgentState
from chimera.domain.change import Change
from chimera.domain.errors import Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.record import next_version
from chimera.swarm import roster as roster_module
from chimera.swarm.roster import FRESH_SECONDS, Roster
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A2", "R-D8")


class AwayAtFirst:
    """Stands before a real store as `ports.store.Reads`: the first question of each kind finds it away."""

    def __init__(self, house: SmallHouse) -> None:
        self._store = house.manager
        self.asked: Counter[str] = Counter()
        self.read: list[list[str]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)

        async def answer(*details: object, **more: object) -> Any:
            self.asked[name] += 1
            if name == "get_many":
                self.read.append([*cast("Sequence[str]", details[1])])
            if self.asked[name] == 1:
                raise Unavailable("store_away", "The database does not answer.")
            return await found(*details, **more)

        return answer


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def test_who_could_not_read_asks_again(house: SmallHouse) -> None:
    reads = AwayAtFirst(house)
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    house.clock.advance(FRESH_SECONDS + 1)
    for read in (roster.halted, lambda: roster.agents(())):
        with pytest.raises(Unavailable):
            await read()
        await read()
        await read()
    assert reads.asked == {"halted": 2, "changed": 2}, "a failed read is none, a good one is fresh"


async def test_an_agent_that_nobody_knows_is_not_among_those_asked_for(house: SmallHouse) -> None:
    roster = Roster(reads=house.manager, clock=house.clock)
    known = (await house.manager.list(Agent, after="", limit=10))[0].id
    assert set(await roster.agents([known, "agt_nobody"])) == {known}


async def test_who_was_only_installed_is_looked_at_again_and_not_refused_for_what_it_may_do_by_now(
    house: SmallHouse,
) -> None:
    active = (await house.manager.list(Agent, after="", limit=10))[0]
    fresh = ids.derive(active.id, "twin")
    installed = replace(active, id=fresh, name="twin", version=1, state=AgentState.INSTALLED)
    said = Event(kind=EventKind.AGENT_INSTALLED, subject=fresh, at_us=house.clock.now_us())
    await house.office.commit(Change(records=(installed,), events=(said,)))
    roster = Roster(reads=house.manager, clock=house.clock)
    assert (await roster.agents([fresh]))[fresh].allowed == ()
    activated = replace(next_version(installed), state=AgentState.ACTIVE)
    await house.office.commit(Change(records=(activated,), events=(said,)))
    assert (await roster.agents([fresh]))[fresh].allowed == active.permissions != ()


async def test_managers_of_one_process_read_the_fleet_once(house: SmallHouse) -> None:
    """Ten take their slots at the same moment: one looks, and nobody is read who has not changed."""
    reads = AwayAtFirst(house)
    reads.asked.update(("changed", "list", "halted", "get_many"))  # None of them is away.
    house.clock.advance(FRESH_SECONDS + 1)
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    before = reads.asked["list"]
    await asyncio.gather(*(roster.load() for _ in range(10)))
    fleet_and_end, paused = 2, 1
    assert (reads.asked["changed"], reads.asked["list"] - before) == (2, fleet_and_end + paused)
    house.clock.advance(FRESH_SECONDS + 1)
    await roster.load()
    assert (reads.asked["changed"], reads.asked["get_many"]) == (3, 1), "nobody has changed, nobody is read"
    newcomer = house.an_agent("grace")
    await house.put(newcomer)
    house.clock.advance(FRESH_SECONDS + 1)
    await roster.load()
    assert reads.asked["get_many"] == 2
    handle = newcomer.accounts[0].handle
    assert roster.kin_among(house.agent, frozenset([handle])) == (handle,)


async def test_only_who_is_asked_for_is_kept_and_only_so_many(
    house: SmallHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A manager of a hundred keeps those whose work it does, and knows of all others what they are called."""
    monkeypatch.setattr(roster_module, "AGENTS_MAX", 3)
    fleet = [house.an_agent(f"g{number}") for number in range(5)]
    for one in fleet:
        await house.put(one)
    roster = Roster(reads=house.manager, clock=house.clock)
    await roster.load()
    handles = frozenset(one.accounts[0].handle for one in fleet)
    assert roster.kin_among(house.agent, handles) == tuple(sorted(handles))
    assert len(roster._agents) == 0
    asked = [one.id for one in fleet]
    assert set(await roster.agents(asked)) == set(asked), "more than are kept are answered all the same"
    assert len(roster._agents) == 3
    for one in fleet:
        roster.said(one.id, f"something that {one.name} says")
    assert [bool(roster.recent(one)) for one in asked] == [False, False, True, True, True]


async def test_whoever_changes_is_read_anew_and_nobody_else(house: SmallHouse) -> None:
    """What it costs is what has changed: of two that are kept one has."""
    reads = AwayAtFirst(house)
    reads.asked.update(("changed", "get_many"))
    other = house.an_agent("grace")
    await house.put(other)
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    await roster.agents([house.agent.id, other.id])
    await house.change_agent(goals=("another goal",))
    assert (await roster.agents([house.agent.id]))[house.agent.id].goals != ("another goal",), "not yet"
    house.clock.advance(FRESH_SECONDS + 1)
    known = await roster.agents([house.agent.id, other.id])
    assert known[house.agent.id].goals == ("another goal",)
    assert reads.read == [sorted([house.agent.id, other.id]), [house.agent.id]]


async def test_who_changes_while_the_fleet_is_learned_is_learned_as_it_is_by_then(house: SmallHouse) -> None:
    """Its page was read before, and the look that shows the change comes while the other pages are read."""
    secret = "a goal of its own that nobody else in this fleet has been told of so far"
    roster: Roster

    class Meanwhile(AwayAtFirst):
        async def list(self, kind: type[Any], **more: Any) -> Any:
            page = await house.manager.list(kind, **more)
            if kind is Agent and not more.get("after"):
                await house.change_agent(goals=(secret,))
                house.clock.advance(FRESH_SECONDS + 1)
                await roster.agents(())
            return page

    reads = Meanwhile(house)
    reads.asked.update(("changed", "get_many", "halted"))
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    await roster.load()
    assert roster.confidences.tells("another", [secret])


async def test_an_answer_that_a_newer_one_has_overtaken_replaces_nothing(house: SmallHouse) -> None:
    """Two ask at once; the one who was answered first, before the change, is the last to hear it."""
    read, told = asyncio.Event(), asyncio.Event()

    class Late(AwayAtFirst):
        async def get_many(self, kind: type[Any], identifiers: Sequence[str]) -> Any:
            found = await house.manager.get_many(kind, identifiers)
            if not read.is_set():
                read.set()
                await told.wait()
            return found

    reads = Late(house)
    reads.asked.update(("changed",))
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    first = asyncio.create_task(roster.agents([house.agent.id]))
    await read.wait()
    await house.change_agent(goals=("another goal",))
    assert (await roster.agents([house.agent.id]))[house.agent.id].goals == ("another goal",)
    told.set()
    assert (await first)[house.agent.id].goals == ("another goal",)
    assert (await roster.agents([house.agent.id]))[house.agent.id].goals == ("another goal",)


async def test_who_asks_while_the_database_is_away_does_not_wait_for_those_before(house: SmallHouse) -> None:
    """Each is told after one try of its own, not after the tries of all who came before it."""
    asked, told = 0, asyncio.Event()

    class Away(AwayAtFirst):
        async def changed(self, *_: Any, **__: Any) -> Any:
            nonlocal asked
            asked += 1
            await told.wait()
            raise Unavailable("store_away", "The database does not answer.")

    roster = Roster(reads=Away(house), clock=house.clock)  # pyright: ignore[reportArgumentType]
    asking = [asyncio.create_task(roster.agents([house.agent.id])) for _ in range(10)]
    for _ in range(10):
        await asyncio.sleep(0)
    assert asked == len(asking)
    told.set()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(one, Unavailable) for one in found)
