"""What a person approved, and is proven not to have happened, goes before the gate again and not before a person."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.draft import Draft
from chimera.domain.grant import Grant, Performance, PerformanceState
from chimera.domain.granted import Granted
from chimera.domain.review import APPROVAL_SECONDS, Review, ReviewState
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from tests.small_house import DISCLOSURE, REVIEWER, RITA, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench
from tests.swarm.test_take_down import Afterwards

pytestmark = pytest.mark.requirement("R-A4", "R-F1", "R-N1")
SAID = f"Boss fights are better with friends. {DISCLOSURE}"


class Once(Bench):
    """A post that a person is asked about, approves, and that is then proven not to have happened."""

    async def absent(self) -> Task:
        task = await self.hear(self.unsure(), cost=0)
        assert task.state is TaskState.HELD, task.reason
        after = Afterwards(self.house)
        review = (await self.house.office.list(Review, states=("open",)))[0]
        await after.reviews.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)
        await after.sweeping.once()
        [grant] = await self.house.manager.list(Grant)
        granted = Granted(task=await self.house.manager.get(Task, task.id), grant=grant)
        failed = Performance(
            id=grant.id, task_id=task.id, campaign_id=grant.terms.campaign_id, platform="sandbox", started_at_us=0,
            deadline_us=0, reason="proved absent after its deadline", later=True, state=PerformanceState.FAILED,
        )  # fmt: skip
        settled = await self.house.settle.finish(granted, failed)
        assert settled is not None and settled.state is TaskState.READY
        self.house.clock.advance(120)
        return settled

    def unsure(self, text: str = SAID) -> Draft:
        return replace(draft(text, action=a_post(text, cost_micros=0)), confidence_bp=5_000)

    async def again(self, made: Draft) -> Task:
        await self.claiming.once()
        leased = self.dispatch.sent[-1].task
        assert leased.attempt == 2
        await self.hand_in(Result(task_id=leased.id, task_version=leased.version, draft=made))
        return await self.house.manager.get(Task, leased.id)


@pytest.fixture
async def bench() -> Once:
    house = await SmallHouse().open()
    return Once(house)


async def test_the_same_bytes_are_granted_again_without_a_second_question(bench: Once) -> None:
    await bench.absent()
    task = await bench.again(bench.unsure())
    assert task.state is TaskState.GRANTED, task.reason
    grants = await bench.house.manager.list(Grant)
    assert [grant.terms.approver for grant in grants] == [REVIEWER.name] * 2
    assert len({grant.id for grant in grants}) == 2
    assert len(await bench.house.office.list(Review)) == 1


async def test_other_bytes_are_asked_about(bench: Once) -> None:
    await bench.absent()
    task = await bench.again(bench.unsure(f"Boss fights are worse with friends. {DISCLOSURE}"))
    assert task.state is TaskState.HELD
    [review] = await bench.house.office.list(Review, states=("open",))
    assert review.question.approver is None


async def test_an_approval_of_the_day_before_yesterday_is_asked_about(bench: Once) -> None:
    await bench.absent()
    bench.house.clock.advance(APPROVAL_SECONDS + 1)
    assert (await bench.again(bench.unsure())).state is TaskState.HELD


async def test_what_may_not_happen_any_more_does_not(bench: Once) -> None:
    await bench.absent()
    await bench.house.change_agent(permissions=())
    assert (await bench.again(bench.unsure())).state is TaskState.REFUSED


async def test_while_it_is_halted_it_waits(bench: Once) -> None:
    await bench.absent()
    await bench.house.halt(scopes.agent(bench.house.agent.id))
    await bench.claiming.once()
    assert len(await bench.house.manager.list(Grant)) == 1
    assert [one.state for one in await bench.house.office.list(Review)] == [ReviewState.CLOSED]
