"""The manager's view of the fleet: never older than it says, and a read that failed counts as no read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chimera.domain.agent import Agent
from chimera.domain.errors import Unavailable
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
