"""Fresh by what has changed: nothing that changes during the first look is missed, however often that is cut off."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from chimera.adapters.memory.store import MemoryStore
from chimera.domain.campaign import CampaignCommand
from chimera.domain.errors import Unavailable
from chimera.domain.record import Record
from chimera.domain.roles import Role
from chimera.swarm.updates import OpenCampaigns
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-A2", "R-A7")
R = TypeVar("R", bound=Record)


class CutOff(MemoryStore):
    """A store whose first lists are cut off after they were read; something happens meanwhile."""

    times = 1
    lists = 0

    async def list(self, kind: type[R], **asked: Any) -> tuple[R, ...]:
        self.lists += 1
        await asyncio.sleep(0)
        found = await super().list(kind, **asked)
        if not found and self.times:
            self.times -= 1
            raise Unavailable("store_away", "The database does not answer.")
        return found


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def test_what_ends_while_the_first_look_is_cut_off_is_not_open_for_ever(house: SmallHouse) -> None:
    reads = CutOff(house.database, writer="office-1", role=Role.OFFICE, clock=house.clock)
    campaigns = OpenCampaigns(reads)
    with pytest.raises(Unavailable):
        await campaigns.look()
    await house.put(house.campaign.after(CampaignCommand.CANCEL))
    await campaigns.look()
    assert campaigns.newest_of(house.agent.id) is None


async def test_two_who_look_at_once_read_the_beginning_once(house: SmallHouse) -> None:
    reads = CutOff(house.database, writer="office-1", role=Role.OFFICE, clock=house.clock)
    reads.times = 0
    campaigns = OpenCampaigns(reads)
    await asyncio.gather(campaigns.look(), campaigns.look())
    assert (campaigns.newest_of(house.agent.id), reads.lists) == (house.campaign.id, 2)


async def test_of_several_the_newest_that_is_open_answers(house: SmallHouse) -> None:
    campaigns = OpenCampaigns(house.office)
    older = house.campaign.adopt()
    newer = replace(house.campaign, id=house.ids.new())
    for put, answers in (
        (newer, newer.id),
        (older, newer.id),
        (newer.after(CampaignCommand.CANCEL), older.id),
        (older.after(CampaignCommand.PAUSE), None),
        (older.after(CampaignCommand.PAUSE).after(CampaignCommand.RESUME), older.id),
    ):
        await house.put(put)
        await campaigns.look()
        assert campaigns.newest_of(house.agent.id) == answers
