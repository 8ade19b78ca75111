"""What an agent's bandit tries is shown with what came of it: how often it was chosen, what it brought, and why."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemIds
from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.measurement import Measurement, MeasurementState
from chimera.domain.roles import Role
from chimera.domain.variants import Variants
from tests.api.conftest import World
from tests.api.samples import Filler

pytestmark = pytest.mark.requirement("R-B6", "R-L1")
LEFT_OPEN = Variants(styles=("banter", "news", "question"), minutes=(6 * 60, 20 * 60), posts_per_day=4)


class Posts:
    """An agent that leaves styles and times open, and posts of it that are on record."""

    def __init__(self, world: World, filler: Filler, agent: Agent) -> None:
        self.world, self.filler, self.agent = world, filler, agent

    async def went_out(
        self, style: str, *engagements: int, troubles: tuple[str, ...] = (), harmful: bool = False
    ) -> None:
        for many in engagements:
            owed = await self._owed(style)
            measured = replace(owed, version=2, engagements=many, troubles=troubles, state=MeasurementState.MEASURED)
            await self.filler.put(self.world.office, measured)
            if harmful:
                await self.filler.put(self.filler.manager, replace(measured, version=3, state=MeasurementState.HARMFUL))

    async def waits(self, style: str) -> None:
        await self._owed(style)

    async def _owed(self, style: str) -> Measurement:
        task = SystemIds().new()
        owed = Measurement(
            id=ids.derive(task, "measurement"), agent_id=self.agent.id, campaign_id=ids.derive(task, "c"),
            task_id=task, variants={"style": style, "time": "06:00"}, due_at_us=1, begins_at_us=1,
        )  # fmt: skip
        await self.filler.put(self.filler.manager, owed)
        return owed


@pytest.fixture
async def posts(world: World) -> Posts:
    filler = Filler(world.office, await world.store(Role.MANAGER, "manager-1"))
    agent = await filler.agent("studio.dov")
    open_ = replace(agent, version=2, variants=LEFT_OPEN)
    await filler.put(world.office, open_)
    return Posts(world, filler, open_)


async def test_each_variant_stands_with_what_it_brought_and_one_is_favoured(world: World, posts: Posts) -> None:
    await posts.went_out("banter", 2, 3, 2, 3)
    await posts.went_out("news", 60, 70, 80, 75)
    await posts.waits("news")
    async with world.client("viewer") as client:
        found = (await client.get(f"/v1/agents/{posts.agent.id}/variants")).json()
    assert (found["posts_per_day"], found["known_days"] > 0) == (4, True)
    assert [(one["factor"], one["variant"]) for one in found["items"]] == [
        ("style", "banter"), ("style", "news"), ("style", "question"), ("time", "06:00"), ("time", "20:00"),
    ]  # fmt: skip
    banter, news, question, early, late = found["items"]
    assert [one["is_baseline"] for one in found["items"]] == [True, False, False, True, False]
    assert (banter["chosen"], banter["waiting"], banter["measured"]) == (4, 0, 4)
    assert (news["chosen"], news["waiting"], news["measured"]) == (5, 1, 4)
    assert (banter["engagements_per_post_millis"], news["engagements_per_post_millis"]) == (2_500, 71_250)
    assert (question["chosen"], question["engagements_per_post_millis"]) == (0, None)
    assert [one["is_favoured"] for one in (banter, news, question)] == [False, True, False]
    assert news["share_bp"] > 5_000 > banter["share_bp"]
    assert 9_900 <= sum(one["share_bp"] for one in (banter, news, question)) <= 10_000
    assert (early["chosen"], late["chosen"]) == (9, 0)


async def test_what_did_harm_is_barred_and_says_why(world: World, posts: Posts) -> None:
    await posts.went_out("banter", 2, 3)
    await posts.went_out("news", 900, harmful=True)
    async with world.client("viewer") as client:
        items = (await client.get(f"/v1/agents/{posts.agent.id}/variants")).json()["items"]
    news = next(one for one in items if one["variant"] == "news")
    assert (news["harmful"], news["share_bp"], news["is_favoured"]) == (1, 0, False)
    assert news["barred"] == "what went out was taken down"


async def test_of_what_nobody_measured_none_is_favoured_and_nothing_open_is_no_table(
    world: World, posts: Posts
) -> None:
    async with world.client("viewer") as client:
        items = (await client.get(f"/v1/agents/{posts.agent.id}/variants")).json()["items"]
        closed = (await client.get(f"/v1/agents/{world.samples.agents[0].id}/variants")).json()
        nobody = await client.get(f"/v1/agents/{ids.ROOT}/variants")
    assert not any(one["is_favoured"] for one in items)
    assert all(one["share_bp"] > 0 for one in items)
    assert closed["items"] == []
    assert (nobody.status_code, nobody.json()["code"]) == (404, "record_missing")
