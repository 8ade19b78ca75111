"""How long the oldest ready task has waited: since its plan, since its due time, or not at all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.postgres.slots import PostgresSlots
from chimera.adapters.postgres.views import open_views
from chimera.adapters.system.clock import SystemIds
from chimera.domain.durations import HOUR_US
from chimera.domain.halt import Halt
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.testing.store_samples import Samples, change
from tests.adapters.postgres.conftest import PASSWORDS, Database

pytestmark = pytest.mark.requirement("R-L2", "R-A7")


def a_task(due_us: int) -> Task:
    """One that was planned now."""
    return replace(Samples().task(due_at_us=due_us, state=TaskState.READY), id=SystemIds().new())


@pytest.mark.parametrize("due_us", [0, 1])
async def test_a_task_that_was_due_from_the_first_has_waited_since_its_plan(database: Database, due_us: int) -> None:
    store = await database.open("manager-0", Role.MANAGER)
    views = await open_views(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    try:
        assert (await views.ages()).oldest_ready_us == 0
        await store.commit(change(a_task(due_us)))
        assert 0 < (await views.ages()).oldest_ready_us < HOUR_US
    finally:
        await views.close()


async def test_a_task_that_becomes_due_has_waited_since_then(database: Database) -> None:
    store = await database.open("manager-0", Role.MANAGER)
    views = await open_views(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    try:
        now_us = await store.now_us()
        await store.commit(change(a_task(now_us + HOUR_US)))
        assert (await views.ages()).oldest_ready_us == 0
    finally:
        await views.close()


@pytest.mark.parametrize("scope", ["", "fleet", "campaign:", "agent:"])
async def test_what_a_halt_keeps_is_no_work_for_more_workers(database: Database, scope: str) -> None:
    store = await database.open("manager-0", Role.MANAGER)
    office = await database.open("office", Role.OFFICE)
    views = await open_views(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    try:
        task = a_task(0)
        await store.commit(change(task, a_task(await store.now_us() + HOUR_US)))
        assert (await views.ages()).due_tasks == 1
        halted = {"campaign:": f"campaign:{task.campaign_id}", "agent:": f"agent:{task.agent_id}"}.get(scope, scope)
        halt = Halt(id=SystemIds().new(), halted=halted or "agent:somebody", reason="a look", by="olga", since_us=1)
        await office.commit(change(halt))
        ages = await views.ages()
        assert (ages.due_tasks, ages.oldest_ready_us > 0) == ((0, False) if scope else (1, True))
    finally:
        await views.close()


async def test_managers_are_counted_for_as_long_as_their_leases_run(database: Database) -> None:
    """Screens say when there is none, and read nothing else of slots."""
    views = await open_views(database.admin_dsn, role=Role.AUDITOR, password=PASSWORDS[Role.AUDITOR])
    slots = await PostgresSlots.open(database.admin_dsn, role=Role.MANAGER, password=PASSWORDS[Role.MANAGER])
    try:
        assert (await views.ages()).managers == 0
        for number, holder in enumerate(("one", "other")):
            await slots.hold(holder, (number,), more=1, lease_seconds=60)
        assert (await views.ages()).managers == 2
        await slots.leave("one")
        await slots.hold("other", (1,), more=0, lease_seconds=0)
        assert (await views.ages()).managers == 0
    finally:
        await views.close()
        await slots.close()
