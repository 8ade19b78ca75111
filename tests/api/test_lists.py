"""Lists that people read from their end: what is newest stands first."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemIds
from chimera.domain.attempt import Attempt, attempt_id
from chimera.domain.budget import Hold
from chimera.domain.draft import Draft
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskState
from chimera.testing.store_samples import change
from tests.api.conftest import World
from tests.small_house import SPECS
from tests.small_work import assign, judgement


@pytest.mark.requirement("R-L1")
@pytest.mark.parametrize("path", ["conversations", "campaigns", "money/spending", "trends"])
async def test_what_is_newest_stands_first_and_pages_go_back_from_there(world: World, path: str):
    for n in range(3):
        await looked_around(world, topic=f"topic-{n}")
        await set_aside(world, n)
    async with world.client() as client:
        whole = [key_of(row) for row in (await client.get(f"/v1/{path}")).json()["items"]]
        assert len(whole) > 1
        assert whole == sorted(whole, reverse=True)
        seen, cursor = [], ""
        for _ in range(len(whole) + 1):
            page = (await client.get(f"/v1/{path}", params={"limit": 1, "cursor": cursor})).json()
            seen += [key_of(row) for row in page["items"]]
            if not (cursor := page["next"]):
                break
        assert (seen, cursor) == (whole, "")


def key_of(row: dict[str, Any]) -> str:
    return row.get("id") or row["task_id"]


async def looked_around(world: World, *, topic: str) -> None:
    """A task that looked for trends, done."""
    agent, campaign = world.samples.agents[0], world.samples.campaigns[0]
    task = Task(id=SystemIds().new(), campaign_id=campaign.id, agent_id=agent.id, spec=SPECS["trend.scan"].ref,
                key="look", input={}, labels=("operator",), state=TaskState.LEASED, attempt=1, due_at_us=1)  # fmt: skip
    manager = await world.store(Role.MANAGER, f"manager-of-{topic}")
    await manager.commit(change(task))
    found = Draft(output={"trends": [topic]}, confidence_bp=9_000, labels=("public",))
    made = Attempt(id=attempt_id(task), assignment=assign(task, agent), draft=found, verdict=judgement().verdict)
    await manager.commit(change(made, replace(task, state=TaskState.DONE, version=2)))


async def set_aside(world: World, n: int) -> None:
    """Some money."""
    manager = await world.store(Role.MANAGER, f"manager-of-money-{n}")
    hold = Hold(id=SystemIds().new(), task_id=SystemIds().new(), amount_micros=7, expires_at_us=1,
                windows=("fleet|day|2026-11-21",))  # fmt: skip
    await manager.commit(change(hold, movements=hold.opening()))


@pytest.mark.requirement("R-L1")
async def test_trends_name_who_looked_and_what_was_found(world: World):
    await looked_around(world, topic="speedruns")
    async with world.client() as client:
        (row,) = (await client.get("/v1/trends")).json()["items"]
    assert (row["agent_name"], row["output"]) == (world.samples.agents[0].name, {"trends": ["speedruns"]})
