"""What an outside agent is told of its call while people are asked: whom nobody has answered, and nothing older."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.assembly import tools
from chimera.domain.record import next_version
from chimera.domain.review import Review, ReviewState
from chimera.domain.roles import Role
from chimera.domain.task import TaskState
from chimera.gateway.outside import OutsideCalls
from chimera.pipeline.intake import Intake
from chimera.testing.store_samples import Samples
from tests.small_house import SmallHouse

pytestmark = pytest.mark.requirement("R-N7")


async def test_what_was_ruled_on_is_under_way_and_what_is_asked_anew_is_held_by_its_own_review() -> None:
    house = await SmallHouse().open()
    task = await house.a_task(state=TaskState.HELD)
    intake = Intake(security=tools.scanner(), store=house.office, clock=house.clock, ids=house.ids)
    calls = OutsideCalls(store=house.office, intake=intake, clock=house.clock, ids_from=house.ids)

    async def asked(opened_at_us: int, state: ReviewState) -> Review:
        review = replace(Samples(entropy=opened_at_us).review(task), opened_at_us=opened_at_us)
        await house.put(review, by=Role.MANAGER)
        if state is not ReviewState.OPEN:
            await house.put(replace(next_version(review), state=state), by=Role.OFFICE)
        return review

    async def told() -> tuple[str, str]:
        outcome = await calls.result(house.campaign.id, agent_id=house.agent.id)
        return outcome.status, outcome.review_id

    assert await told() == ("pending", "")
    # Ids say nothing about which came last: both orders are tried.
    for number in (1, 3):
        await asked(number, ReviewState.APPROVED)
        assert (await told())[0] == "pending"
    newest = await asked(2, ReviewState.OPEN)
    assert await told() == ("held", newest.id)
