"""What follows from a ruling: the gate is asked again, with the real approver and today's state; only that grants."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.budget import Hold, HoldState
from chimera.domain.decision import Approver
from chimera.domain.grant import Grant
from chimera.domain.review import Review, ReviewState
from chimera.domain.task import Task, TaskState
from chimera.swarm import rulings
from chimera.swarm.hearing import Consequence
from tests.small_house import GATE, REVIEWER, SmallHouse, a_post

pytestmark = pytest.mark.requirement("R-F1", "R-N1")


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def ruled(house: SmallHouse, review: Review, state: ReviewState, **today: Any) -> Consequence:
    by = today.pop("by", REVIEWER)
    review = replace(review, state=state, approver=by, outcome=str(state))
    question = rulings.question_anew(
        review,
        halted=today.pop("halted", ()),
        permissions=today.pop("permissions", house.agent.permissions),
        capabilities=today.pop("capabilities", house.agent.capabilities),
        accounts=today.pop("accounts", house.agent.accounts),
        recent=today.pop("recent", ()),
    )
    task = await house.manager.get(Task, review.task_id)
    return rulings.after_ruling(review, task, question, GATE, house.occasion())


async def test_an_approval_becomes_a_grant_in_the_approvers_name(house: SmallHouse) -> None:
    step = await ruled(house, await house.escalate(), ReviewState.APPROVED)
    assert step.granted is not None
    assert step.granted.grant.terms.approver == "rita"
    assert step.task.state is TaskState.GRANTED
    assert any(isinstance(record, Review) and record.state is ReviewState.CLOSED for record in step.change.records)


@pytest.mark.parametrize("state", [ReviewState.REJECTED, ReviewState.EXPIRED])
async def test_a_no_is_a_no(house: SmallHouse, state: ReviewState) -> None:
    step = await ruled(house, await house.escalate(), state)
    assert step.granted is None
    assert step.task.state is TaskState.REFUSED


TODAY: dict[str, dict[str, object]] = {
    "halted meanwhile": {"halted": ("fleet",)},
    "permission revoked meanwhile": {"permissions": ()},
    "account gone meanwhile": {"accounts": ()},
    "said meanwhile": {"recent": (a_post().arguments["text"],)},
    "by nobody who may": {"by": Approver("gus", "guest")},
}


@pytest.mark.parametrize("why", sorted(TODAY))
async def test_yesterdays_approval_under_todays_state(house: SmallHouse, why: str) -> None:
    review = await house.escalate()
    review = replace(review, question=msgspec.structs.replace(review.question, threat="HIGH"))
    step = await ruled(house, review, ReviewState.APPROVED, **TODAY[why])
    assert step.granted is None
    assert step.task.state is TaskState.REFUSED
    assert not any(isinstance(record, Grant | Hold) for record in step.change.records)


async def test_what_a_person_edits_goes_through_the_gate_like_any(house: SmallHouse) -> None:
    """Other bytes, without the disclosure: the person may be an owner, the answer is no."""
    review = await house.escalate()
    question = msgspec.structs.replace(review.question, action=a_post("I am a real person."))
    step = await ruled(house, replace(review, question=question), ReviewState.EDITED, by=Approver("olga", "owner"))
    assert step.task.state is TaskState.REFUSED


@pytest.mark.parametrize(
    ("state", "expected", "spent"),
    [
        (ReviewState.APPROVED, "done", True),
        (ReviewState.REJECTED, "failed", False),
        (ReviewState.EXPIRED, "failed", True),
    ],
)
async def test_what_was_held_for_an_act_in_doubt(
    house: SmallHouse, state: ReviewState, expected: str, spent: bool
) -> None:
    """Only a person's word that it did not happen gives the money back."""
    granted = await house.grant()
    held = replace(granted.task, state=TaskState.HELD)
    review = replace(await house.escalate(), task_id=held.id, about="doubt", state=state, outcome=str(state))
    money = rulings.settlement(review, granted.hold)
    step = rulings.after_doubt(review, held, house.occasion(), settled=(), money=money)
    assert step.task.state == expected
    assert [hold.state for hold in money.holds] == [HoldState.CAPTURED if spent else HoldState.RELEASED]
    assert (money.spent_micros > 0) is spent
