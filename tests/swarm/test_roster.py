"""The manager's view of the fleet: never older than it says, and a read that failed counts as no read."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.agent import Agent, AgentState
from chimera.domain.change import Change
from chimera.domain.errors import Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.record import next_version
from chimera.swarm.roster import FRESH_SECONDS, Roster
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A2", "R-D8")


class AwayAtFirst:
    """Stands before a real store as `ports.store.Reads`: the first question of each kind finds it away."""

    def __init__(self, house: SmallHouse) -> None:
        self._store = house.manager
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)

        async def answer(*details: object, **more: object) -> Any:
            self.asked[name] += 1
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
    assert reads.asked == {"halted": 2, "versions": 2}, "a failed read passes for no read, a good one for a fresh one"


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
    reads.asked.update(("versions", "get_many", "halted", "list"))  # None of them is away.
    house.clock.advance(FRESH_SECONDS + 1)
    roster = Roster(reads=reads, clock=house.clock)  # pyright: ignore[reportArgumentType]
    await asyncio.gather(*(roster.load() for _ in range(10)))
    assert (reads.asked["versions"], reads.asked["get_many"]) == (2, 2)
    house.clock.advance(FRESH_SECONDS + 1)
    await roster.load()
    assert (reads.asked["versions"], reads.asked["get_many"]) == (3, 2)
    newcomer = house.an_agent("grace")
    await house.put(newcomer)
    house.clock.advance(FRESH_SECONDS + 1)
    await roster.load()
    assert reads.asked["get_many"] == 3
    handle = newcomer.accounts[0].handle
    assert roster.kin_among(house.agent, frozenset([handle])) == (handle,)
