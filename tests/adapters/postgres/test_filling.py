"""What a measurement generates in SQL are records like any other: they can be read, and belong together."""

from __future__ import annotations

import pytest

from chimera.adapters.postgres.filling import Finished, Idle, fill_agents, fill_finished
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.bench.growth import generated
from chimera.bench.load import idle_agents
from chimera.domain.agent import Agent
from chimera.domain.campaign import Campaign, Input
from chimera.domain.roles import Role
from chimera.domain.rows import row_of
from chimera.domain.task import Task
from tests.adapters.postgres.conftest import Database

pytestmark = pytest.mark.requirement("R-A7")
CAMPAIGNS, AGENTS = (
    tuple(f"01a1ff00-0000-7000-{kind}-{number:012x}" for number in range(3)) for kind in ("8000", "9000")
)


async def test_finished_tasks_stand_beside_the_inputs_that_they_answered(database: Database) -> None:
    task, came = generated()
    finished = Finished(first=1, last=40, task=task, input=came, campaigns=CAMPAIGNS, agents=AGENTS,
                        now_us=SystemClock().now_us())  # fmt: skip
    assert await fill_finished(database.admin_dsn, finished) > 1_000_000
    store = await database.open("manager-0", Role.MANAGER)
    tasks, inputs = await store.list(Task, states=("done",)), await store.list(Input, states=("planned",))
    assert (len(tasks), len(inputs)) == (40, 40)
    assert {one.input_id for one in tasks} == {one.id for one in inputs}
    assert {(one.campaign_id, one.agent_id) for one in tasks} == set(zip(CAMPAIGNS, AGENTS, strict=True))
    assert max(one.id for one in tasks) < SystemIds().new()
    assert await store.claim(shards=range(256), limit=9, lease_seconds=1.0) == ()


async def test_idle_agents_stand_there_with_their_campaigns(database: Database) -> None:
    """What was generated reads like what was committed, and lies in the shards in which it is looked for."""
    manager = await database.open("manager-1", Role.MANAGER)
    agent, campaign = idle_agents()
    now_us = await manager.now_us()
    await fill_agents(database.admin_dsn, Idle(first=7, last=306, agent=agent, campaign=campaign, now_us=now_us))
    agents = {one.id: one for one in await manager.list(Agent)}
    campaigns = await manager.list(Campaign, states=("running",), shards=range(256))
    assert len(agents) == len(campaigns) == 300
    assert {agents[one.agent_id].name for one in campaigns} == {f"bench-{number:05d}" for number in range(7, 307)}
    for one in campaigns[:20]:
        assert one in await manager.list(Campaign, shards=(one.shard,))
        assert agents[one.agent_id].accounts[0].handle == f"@{agents[one.agent_id].name}"
    assert {row_of(one).state for one in agents.values()} == {"active"}
