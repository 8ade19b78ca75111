"""Listening: what was said is brought in once, and nothing is lost because the house was away for a while."""

from __future__ import annotations

import pytest

from chimera.adapters.memory.store import MemoryStore
from chimera.domain.campaign import Input
from chimera.domain.change import Change
from chimera.domain.errors import Unavailable
from chimera.domain.roles import Role
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Intake
from chimera.ports.tools_read import ToolAnswer
from chimera.swarm.listening import ANSWERS_PER_AUTHOR_MAX, Listening
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A4", "R-B4")


class Mentions:
    """Implements `ports.tools_read.ToolsRead`: everything that was said, from a position on."""

    def __init__(self, *authors: str) -> None:
        self._posts = [
            {
                "id": f"post-{n}",
                "author": author,
                "text": "which class?",
                "depth": 0,
                "at_us": 1_700_000_000_000_000 + n,
            }
            for n, author in enumerate(authors)
        ]

    async def call(self, tool: str, arguments: dict[str, object], *, agent_id: str) -> ToolAnswer:
        after = int(str(arguments["after"]))
        return ToolAnswer(content={"posts": self._posts[after:], "next": len(self._posts)}, labels=("public",))


class SometimesAway(MemoryStore):
    """A store that is away for its next commits."""

    away = 0

    async def commit(self, change: Change) -> None:
        if self.away > 0:
            self.away -= 1
            raise Unavailable("store_away", "away")
        await super().commit(change)


@pytest.fixture
async def house() -> SmallHouse:
    small = await SmallHouse().open()
    small.office = SometimesAway(small.database, writer="office-0", role=Role.OFFICE, clock=small.clock)
    return small


def listening(house: SmallHouse, mentions: Mentions) -> Listening:
    intake = Intake(security=SecurityGateway(shipped_scanner()), store=house.office, clock=house.clock, ids=house.ids)
    return Listening(intake=intake, reads=house.office, tools=mentions)


async def admitted(house: SmallHouse) -> int:
    return len(await house.office.list(Input))


async def test_what_was_said_is_brought_in_once(house: SmallHouse) -> None:
    ears = listening(house, Mentions("@mila", "@otto"))
    assert await ears.once()
    assert not await ears.once()
    assert await admitted(house) == 2
    await listening(house, Mentions("@mila", "@otto")).once()
    assert await admitted(house) == 2


async def test_an_outage_loses_no_mention(house: SmallHouse) -> None:
    """Trying to bring it in is not answering it."""
    ears = listening(house, Mentions("@mila"))
    assert isinstance(house.office, SometimesAway)
    for _ in range(ANSWERS_PER_AUTHOR_MAX + 2):
        house.office.away = 1
        await ears.once()
        assert await admitted(house) == 0
    await ears.once()
    assert await admitted(house) == 1


async def test_nobody_is_answered_for_ever(house: SmallHouse) -> None:
    await listening(house, Mentions(*["@bot"] * 9, "@mila")).once()
    assert await admitted(house) == ANSWERS_PER_AUTHOR_MAX + 1
