"""A thread in a rehearsal, over the whole path in virtual time: each part answers the one before it, on the network."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from chimera.cli.rehearsing import begin_with, handle_of, planned
from chimera.domain.attempt import Attempt
from chimera.domain.grant import Performance
from chimera.domain.task import Task, TaskState
from chimera.pipeline.intake import Intake
from chimera.ports.store import Reads, Store
from chimera.testing.virtual_week import Days, live, quiet


@pytest.mark.requirement("R-B2")
@pytest.mark.slow("a whole fleet lives through a day of its network")
def test_each_part_of_a_thread_answers_the_one_before_it() -> None:
    plan = planned(1, 41, 1, outcomes=(), pictures=False)
    manners = msgspec.structs.replace(plan.scenario.manners, misbehaviour_bp=0)
    seen: dict[int, tuple[str, str]] = {}

    async def begin(office: Store, intake: Intake) -> None:
        await begin_with(office, intake, plan)

    async def look(reads: Reads) -> None:
        for task in await reads.list(Task):
            if task.spec.name == "copy.thread" and task.state is TaskState.DONE:
                attempt = (await reads.list(Attempt, scope=task.id))[-1]
                (act,) = await reads.list(Performance, scope=task.id, states=("finished",))
                assert attempt.draft.action is not None
                before = str(attempt.draft.action.arguments.get("in_reply_to", ""))
                seen[task.input["part"]] = ((act.receipt or {})["id"], before)

    with quiet():
        scenario = msgspec.structs.replace(plan.scenario, manners=manners)
        lived = live(Days(scenario=scenario, accounts=(handle_of(0),), seconds=plan.audience_seconds), begin)
    asyncio.run(look(lived.reads))
    assert set(seen) == {1, 2, 3}
    assert [seen[part][1] for part in (1, 2, 3)] == ["", seen[1][0], seen[2][0]]
