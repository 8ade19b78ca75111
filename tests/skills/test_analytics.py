"""What a campaign brought: the figures are the books' and the network's, whatever the model says of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call, Draft
from chimera.domain.errors import Missing
from chimera.domain.record import Record
from chimera.domain.revenue import Revenue
from chimera.domain.review import AFTERWARDS
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.governance import costing
from chimera.governance.tallying import books_of, figures_of
from chimera.ports.store import LIST_MAX, Reads
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.analytics import Heard, report
from chimera.skills.analytics import figures_of as figures_of_campaign
from chimera.skills.desk import Desk
from chimera.testing.store_samples import Samples
from tests.small_house import CONTRACTS, PROMPTS, SPECS, SmallHouse
from tests.small_work import SayingModel, assign, envelope, judgement

pytestmark = pytest.mark.requirement("R-B6")
SPEC = SPECS["analytics.report"]
counts = some.integers(0, 10_000)
ASKED = {
    "campaign": "0193f3a8-7c00-7a11-8b22-0123456789ab", "goal": "Tell the news.", "cost_micros": 6_000,
    "revenue_micros": 9_000, "tasks": [{"state": "done", "count": 3}, {"state": "failed", "count": 1}],
    "posts": [
        {"post_id": "p1", "platform": "sandbox", "topic": "co-op", "cost_micros": 2_000, "revenue_micros": 0},
        {"post_id": "p2", "platform": "sandbox", "topic": "maps", "cost_micros": 1_000, "revenue_micros": 9_000},
    ],
}  # fmt: skip


class Threads:
    """Implements `ports.tools_read.ToolsRead`: the network's own words about some posts."""

    def __init__(self, **posts: dict[str, object]) -> None:
        self.posts = posts

    async def call(self, tool: str, arguments: dict[str, object], *, agent_id: str) -> ToolAnswer:
        assert tool == "thread"
        assert agent_id
        wanted = str(arguments["thread_id"])
        if wanted not in self.posts:
            raise Missing("post_missing", "gone", where=wanted)
        rows = [{"id": "somebody-else", "likes": 999, "replies": 999}, {"id": wanted, **self.posts[wanted]}]
        return ToolAnswer(content={"posts": rows}, labels=("public", "tool:thread"))


async def made(threads: Threads, *, output: dict[str, object] | None = None) -> Draft:
    house = await SmallHouse().open()
    task = await house.a_task(spec="analytics.report", input=ASKED)
    said = output or {"summary": "Maps did better than co-op.", "lessons": ["More maps."], "figures": {"likes": 10**6}}
    desk = Desk(assign(task, house.agent), spec=SPEC, model=SayingModel(envelope(said)), tools=threads, prompts=PROMPTS)
    return await report(desk)


async def test_the_figures_are_measured_and_no_words_change_them() -> None:
    draft = await made(Threads(p1={"likes": 1, "replies": 0}, p2={"likes": 3, "replies": 2}))
    assert draft.output["figures"] == {
        "posts": 2, "posts_read": 2, "likes": 4, "replies": 2, "engagements_per_post_millis": 3_000,
        "cost_micros": 6_000, "cost_per_post_micros": 1_500, "cost_per_engagement_micros": 1_000,
        "revenue_micros": 9_000, "return_bp": 5_000, "completion_bp": 7_500, "best_topic": "maps",
    }  # fmt: skip
    assert CONTRACTS.output_findings(SPEC, draft.output) == ()
    assert draft.action is not None
    assert draft.action.kind == "note.keep"
    assert "public" in draft.labels


async def test_a_post_that_is_gone_and_figures_that_are_none_count_as_unread_or_zero() -> None:
    figures = (await made(Threads(p1={"likes": "many", "replies": True}))).output["figures"]
    assert (figures["posts_read"], figures["likes"], figures["replies"], figures["best_topic"]) == (1, 0, 0, "")


@given(likes=some.lists(counts, max_size=12), cost=counts, revenue=counts, done=counts, failed=counts)
def test_whatever_is_counted_the_figures_are_whole_and_fit_their_contract(
    likes: list[int], cost: int, revenue: int, done: int, failed: int
) -> None:
    asked = {
        "cost_micros": cost, "revenue_micros": revenue,
        "tasks": [{"state": "done", "count": done}, {"state": "failed", "count": failed}],
        "posts": [{"cost_micros": cost, "topic": "t"} for _ in likes],
    }  # fmt: skip
    figures = figures_of_campaign(asked, [Heard(topic="t", likes=one, replies=0) for one in likes])
    output = {"summary": "A summary of it all.", "lessons": [], "figures": figures}
    assert CONTRACTS.output_findings(SPEC, output) == ()
    assert figures["likes"] == sum(likes)


async def test_the_books_name_what_each_post_cost_and_brought() -> None:
    house = await SmallHouse().open()
    granted = await house.grant()
    performance = await house.effects().perform(granted.grant.id)
    await house.settle.finish(granted, performance)
    task = await house.office.get(Task, granted.task.id)
    revenue = Revenue(id=house.ids.new(), source="affiliate", reference="a", campaign_id=house.campaign.id,
                      task_id=task.id, micros=5_000, received_micros=5_000, at_us=1)  # fmt: skip
    await house.put(revenue)
    gone = await house.a_task()
    await house.put(gone.after(TaskCommand.DROP), by=Role.MANAGER)
    figures = await figures_of(house.office, house.agent)
    assert (figures.campaigns, figures.posts, figures.cost_micros, figures.revenue_micros) == (1, 1, 1_000, 5_000)
    assert (figures.completion_bp, figures.return_bp, figures.autonomy_bp) == (5_000, 40_000, 10_000)
    (topic,) = figures.topics
    assert (topic.posts, topic.cost_micros, topic.revenue_micros) == (1, 1_000, 5_000)
    books = await books_of(house.office, house.campaign)
    assert [(one["cost_micros"], one["revenue_micros"]) for one in books["posts"]] == [(1_000, 5_000)]
    assert books["tasks"] == [{"count": 1, "state": "done"}, {"count": 1, "state": "dropped"}]
    assert CONTRACTS.input_findings(SPEC, books) == ()


class Counted:
    """Stands before a real store as `ports.store.Reads`, and counts what it is asked for."""

    def __init__(self, store: Reads) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self._store, name)


async def with_tasks(house: SmallHouse, many: int) -> None:
    """Each with an attempt that cost something. Every second was asked about before, every third afterwards."""
    samples, call = Samples(), Call(kind="model", name="offline/1", request_digest="", answer="", cost_micros=10)
    for number in range(many):
        task = await house.a_task(state=TaskState.DONE)
        records: list[Record] = [replace(samples.attempt(task), id=house.ids.new(), calls=(call,))]
        for every, about in ((2, "action"), (2, "doubt"), (3, AFTERWARDS)):
            if number % every == 0:
                records.append(replace(samples.review(task), id=house.ids.new(), about=about))
        for record in records:
            await house.put(record, by=Role.MANAGER)


@pytest.mark.requirement("R-A2", "R-A7")
async def test_the_figures_ask_no_more_for_more_tasks() -> None:
    """Costs, reviews and posts of a hundred tasks are read together."""
    house, asked = await SmallHouse().open(), list[Counter[str]]()
    for more in (10, 50, 60):
        await with_tasks(house, more)
        reads = Counted(house.office)
        figures = await figures_of(cast(Reads, reads), house.agent)
        asked.append(reads.asked)
    assert asked[0] == asked[1] == {"list": 4, "list_of": 2, "get_many": 1}
    assert asked[2] == {"list": 4, "list_of": 4, "get_many": 2}, "the next hundred"
    tasks = await house.office.list(Task, scope=house.campaign.id)
    costs = await costing.costs_of(house.office, tasks)
    assert list(costs.items()) == [(one.id, await costing.task_cost(house.office, one)) for one in tasks]
    assert (figures.cost_micros, figures.autonomy_bp) == (1_200, 5_000), "of each second one a person was asked before"


async def test_an_agents_engagement_is_that_of_its_campaigns_last_report() -> None:
    house = await SmallHouse().open()
    assert (await figures_of(house.office, house.agent)).likes == 0
    task = await house.a_task(spec="analytics.report", input=ASKED, state=TaskState.DONE)
    heard = [Heard(topic="maps", likes=3, replies=1), Heard(topic="co-op", likes=1, replies=0)]
    output = {"summary": "Maps did better.", "lessons": [], "figures": figures_of_campaign(ASKED, heard)}
    draft = Draft(output=output, confidence_bp=9_500, labels=("public",))
    await house.put(Attempt(id=house.ids.new(), assignment=assign(task, house.agent), draft=draft,
                            verdict=judgement().verdict), by=Role.MANAGER)  # fmt: skip
    found = await figures_of(house.office, house.agent)
    assert (found.posts_read, found.likes, found.replies, found.engagements_per_post_millis) == (2, 4, 1, 2_500)


async def test_all_that_a_campaign_brought_counts_however_many_receipts_there_are() -> None:
    house = await SmallHouse().open()
    made = [Revenue(id=house.ids.new(), source="x402", reference=str(number), campaign_id=house.campaign.id, task_id="",
                    micros=1, received_micros=1, at_us=1) for number in range(LIST_MAX + 1)]  # fmt: skip
    for start in range(0, len(made), 256):
        await house.put(*made[start : start + 256])
    assert (await books_of(house.office, house.campaign))["revenue_micros"] == LIST_MAX + 1
