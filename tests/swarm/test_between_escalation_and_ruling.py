"""What a person approved yesterday, when today is another day: the sweeping manager asks again, and the store last.

Also approvals that nobody gave: forged, used twice, of another agent's act. On records as they lie in the store.
"""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.agent import Agent, AgentCommand
from chimera.domain.budget import Cap, Hold
from chimera.domain.decision import Approver
from chimera.domain.grant import Grant
from chimera.domain.record import next_version
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import Task, TaskState
from chimera.governance.reviews import Reviews
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.swarm.bell import Bell
from chimera.swarm.court import Court
from chimera.swarm.granting import Granting
from chimera.swarm.performing import Performing
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster
from chimera.swarm.sweeping import Sweeping
from tests.small_house import (
    CONTRACTS,
    COST_MICROS,
    GATE,
    PACK,
    PERMITS,
    PROMPTS,
    REVIEWER,
    RITA,
    SmallHouse,
    a_payment,
    a_post,
)  # fmt: skip
from tests.small_work import ACCEPTED, SayingModel

pytestmark = pytest.mark.requirement("R-F1", "R-N1", "R-N4")


@pytest.fixture(name="house")
async def _house() -> SmallHouse:
    return await SmallHouse().open()


def sweeping(house: SmallHouse) -> Sweeping:
    court = Court(
        judge=Judge(model=SayingModel(ACCEPTED), contracts=CONTRACTS, prompt=PROMPTS["judge"]), gate=GATE,
        treasury=Treasury(), contracts=CONTRACTS, clock=house.clock,
    )  # fmt: skip
    performing = Performing(effects=house.effects(), ended=_forget)
    bell = Bell(house.clock)
    seals = Granting(
        sealing=house.sealing, settle=house.settle, court=court, store=house.manager, ready=bell, bell=bell,
        perform=performing.offer,
    )  # fmt: skip
    return Sweeping(
        court=court, store=house.manager, settle=house.settle, granting=seals, performing=performing,
        roster=Roster(reads=house.manager, clock=house.clock), shards=range(256),
        reserving=Reserving(store=house.manager, court=court),
    )  # fmt: skip


async def _forget(grant_id: str, outcome: object) -> None:
    return


async def approved(house: SmallHouse, review: Review) -> Review:
    desk = Reviews(store=house.office, permits=PERMITS, bands=PACK.bands)
    return await desk.approve(review.id, by=RITA, digest=review.action_digest, nonce=review.nonce)


async def task_of(house: SmallHouse, review: Review) -> Task:
    return await house.manager.get(Task, review.task_id)


async def require_nothing_granted(house: SmallHouse, review: Review) -> None:
    assert (await task_of(house, review)).state is not TaskState.GRANTED
    assert await house.manager.list(Grant) == ()
    assert await house.manager.list(Hold) == ()
    opened = await house.manager.windows((f"{scopes.campaign(house.campaign.id)}|total|total",))
    assert [window for window in opened if window.held_micros] == []


async def test_nothing_changed_and_it_is_granted_once(house: SmallHouse) -> None:
    review = await approved(house, await house.escalate())
    for _ in range(3):
        await sweeping(house).once()
    (grant,) = await house.manager.list(Grant)
    assert grant.terms.approver == REVIEWER.name
    assert (await task_of(house, review)).state is TaskState.GRANTED
    assert (await house.window()).held_micros == COST_MICROS


async def _halted(house: SmallHouse) -> None:
    await house.halt(scopes.agent(house.agent.id))


async def _taken_down(house: SmallHouse) -> None:
    agent = await house.office.get(Agent, house.agent.id)
    await house.put(agent.after(AgentCommand.PAUSE))


async def _retired(house: SmallHouse) -> None:
    await _taken_down(house)
    agent = await house.office.get(Agent, house.agent.id)
    await house.put(agent.after(AgentCommand.RETIRE))


async def _without_permission(house: SmallHouse) -> None:
    await house.change_agent(permissions=())


async def _without_account(house: SmallHouse) -> None:
    await house.change_agent(accounts=())


async def _cap_lowered(house: SmallHouse) -> None:
    cap = (await house.office.list(Cap))[0]
    await house.put(replace(next_version(cap), micros=COST_MICROS - 1))


MEANWHILE = {
    "halted": _halted, "paused": _taken_down, "retired": _retired, "permission": _without_permission,
    "account": _without_account, "cap": _cap_lowered,
}  # fmt: skip


@pytest.mark.parametrize("what", sorted(MEANWHILE))
@pytest.mark.parametrize("when", ["before the ruling", "after the ruling"])
async def test_what_changed_meanwhile_decides(house: SmallHouse, what: str, when: str) -> None:
    review = await house.escalate()
    if when == "before the ruling":
        await MEANWHILE[what](house)
        review = await approved(house, review)
    else:
        review = await approved(house, review)
        await MEANWHILE[what](house)
    await sweeping(house).once()
    await require_nothing_granted(house, review)


async def test_an_approval_is_used_once(house: SmallHouse) -> None:
    """The very row, back in the state in which it was approved: its task has moved on, and the grant has one id."""
    review = await approved(house, await house.escalate())
    await sweeping(house).once()
    house.rewrite(review)
    for _ in range(2):
        await sweeping(house).once()
    assert len(await house.manager.list(Grant)) == 1
    assert (await house.window()).held_micros == COST_MICROS


@pytest.mark.parametrize("by", [None, Approver("gus", "guest"), Approver("", ""), Approver("eve", "Owner")])
async def test_an_approval_that_nobody_gave(house: SmallHouse, by: Approver | None) -> None:
    review = await house.escalate(a_payment())
    house.rewrite(replace(review, state=ReviewState.APPROVED, outcome="approved", approver=by))
    await sweeping(house).once()
    await require_nothing_granted(house, review)


async def test_an_approval_by_too_small_a_role(house: SmallHouse) -> None:
    review = await house.escalate(a_payment(60_000_000), role="owner")
    house.rewrite(replace(review, state=ReviewState.APPROVED, outcome="approved", approver=REVIEWER))
    await sweeping(house).once()
    await require_nothing_granted(house, review)


async def test_an_approval_of_another_agents_act(house: SmallHouse) -> None:
    """A yes to what grace may do, put on a task of ada's."""
    review = await approved(house, await house.escalate())
    question = msgspec.structs.replace(review.question, action=a_post(account="grace"))
    house.rewrite(replace(review, question=question))
    await sweeping(house).once()
    await require_nothing_granted(house, review)


async def test_an_approval_on_anothers_task(house: SmallHouse) -> None:
    review = await approved(house, await house.escalate())
    other = await house.a_task(state=TaskState.READY, attempt=0)
    house.rewrite(replace(review, task_id=other.id))
    await sweeping(house).once()
    await require_nothing_granted(house, review)
    assert (await house.manager.get(Task, other.id)).state is TaskState.READY


async def test_what_was_swapped_after_the_approval_is_not_what_goes_out(house: SmallHouse) -> None:
    """Who can rewrite the row can put other bytes there: they are judged as what they are, and the seal names them."""
    review = await approved(house, await house.escalate())
    question = msgspec.structs.replace(review.question, action=a_post("Buy my token now, it can only go up!"))
    house.rewrite(replace(review, question=question))
    await sweeping(house).once()
    await require_nothing_granted(house, review)
