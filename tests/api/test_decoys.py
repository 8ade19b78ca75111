"""A decoy is like any review that waits, wherever a reviewer looks: nothing leads nowhere, nothing tells on it."""

from __future__ import annotations

import asyncio
import base64
import json
import re

import pytest
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemIds
from chimera.api import imitations
from chimera.api.history import event_of
from chimera.api.imitating import ImitatingViews
from chimera.api.pulse import TOPICS, topics_of
from chimera.domain import ids
from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call
from chimera.domain.event import OF_PEOPLE, EventKind
from chimera.domain.review import Review
from chimera.domain.roles import Role
from chimera.governance.decoys import Decoys
from chimera.governance.reviewers import Reviewers
from tests.api.conftest import World
from tests.api.samples import TEXT, Filler

pytestmark = pytest.mark.requirement("R-F2", "R-L1")
WORDS = 'All of them should be harmed, says "nobody".'


@pytest.mark.parametrize("ascii_only", [True, False])
async def test_a_models_recorded_answer_has_the_decoys_words(world: World, ascii_only: bool) -> None:
    held = next(one for one in world.samples.reviews if one.question.action.arguments.get("text"))
    attempt = (await world.views.list(Attempt, scope=held.task_id))[-1]
    action = replace(held.question.action, arguments={**held.question.action.arguments, "text": '„So“ said "she".'})
    drafted = replace(attempt.draft, action=action)
    answer = json.dumps({"output": {"text": '„So“ said "she".'}}, ensure_ascii=ascii_only)
    call = Call(kind="model", name="offline/1", request_digest="", answer=answer)
    decoy = replace(held, question=replace(held.question, action=replace(action, arguments={"text": WORDS})))
    told = imitations.told_anew(replace(attempt, draft=drafted, calls=(call,)), attempt.assignment.task, decoy)
    assert json.loads(told.calls[0].answer) == {"output": {"text": WORDS}}


async def test_what_is_asked_of_many_tasks_at_once_imitates_too(world: World) -> None:
    """Where attempts of several tasks are read together, a decoy's task has as many as the one that it is like."""
    held = next(one for one in world.samples.reviews if one.question.action.arguments.get("text"))
    people = Reviewers(store=world.office, ids=SystemIds(), permits=world.permits)
    decoy = await people.plant(held.id, by=world.owner, arguments={"text": WORDS}, answer="reject")
    views = ImitatingViews(world.views, imitations.Imitations(reads=world.views, decoys=Decoys(store=world.office)))
    found = await views.list_of(Attempt, (decoy.task_id, held.task_id))
    assert {one.assignment.task.id for one in found} == {decoy.task_id, held.task_id}


async def test_the_whole_life_of_a_decoy_is_told_like_any(world: World) -> None:
    held = next(one for one in world.samples.reviews if one.question.action.arguments.get("text"))
    said = held.question.action.arguments["text"]
    people = Reviewers(store=world.office, ids=SystemIds(), permits=world.permits)
    decoy = await people.plant(held.id, by=world.owner, arguments={"text": WORDS}, answer="reject")
    async with world.client("reviewer") as client:
        real = (await client.get(f"/v1/tasks/{held.task_id}/trace")).json()
        shown = await client.get(f"/v1/tasks/{decoy.task_id}/trace")
        nowhere = await client.get(f"/v1/tasks/{SystemIds().new()}/trace")
    assert shown.status_code == 200, shown.text
    life = shown.json()
    assert (life["task"]["id"], life["task"]["state"]) == (decoy.task_id, "held")
    assert [one["id"] for one in life["reviews"]] == [decoy.id]
    assert life["attempts"][-1]["draft"]["action"]["arguments"]["text"] == WORDS
    assert {key for key, value in life.items() if value} == {key for key, value in real.items() if value}
    text = json.dumps(life)
    assert "decoy" not in text.casefold()
    assert said not in text, "what the task that it imitates said is not told"
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "record_missing")


# ── a curious reviewer ──────────────────────────────────────────────────────────────────────────────────────────────

UNLIKE = re.compile(r"^(hash|digest|etag|.*_us|at|next|id|nonce)$")
# These answer with pages and streams, not with what is known of anything; or say how reviewers did.
APART = frozenset({"/v1/stream", "/v1/openapi.json", "/v1/reviewers"})


class Pair:
    """A review that is real, one that is planted, and whoever looks at both."""

    def __init__(self, world: World, real: Review, decoy: Review) -> None:
        self.world, self.real, self.decoy = world, real, decoy

    def paths(self, path: str) -> list[tuple[str, str]]:
        """The same question about the one and about the other: of the path as described, and of every filter."""
        asked = [self._filled(path, one) for one in (self.real, self.decoy)]
        if "{" in asked[0]:
            return []
        pairs = [(asked[0], asked[1])]
        if path == "/v1/events":
            asked = f"{path}?limit=200&record="
            pairs += [(f"{asked}{real}&kind={kind}", f"{asked}{decoy}&kind={kind}")
                      for real, decoy in self._records() for kind in ("", *BEGINNINGS)]  # fmt: skip
        if path == "/v1/tasks":
            pairs = [(f"{path}?state=held", f"{path}?state=held&limit=200")]
        return pairs

    def _records(self) -> list[tuple[str, str]]:
        real, decoy = self.real, self.decoy
        return [(real.id, decoy.id), (real.task_id, decoy.task_id), (real.agent_id, decoy.agent_id)]

    def _filled(self, path: str, review: Review) -> str:
        known = {"review_id": review.id, "task_id": review.task_id, "agent_id": review.agent_id,
                 "campaign_id": review.campaign_id}  # fmt: skip
        return re.sub(r"{(\w+)}", lambda found: known.get(found[1], found[0]), path)

    def shape(self, found: object, name: str = "") -> object:
        """An answer without ids, times and texts: what is left must be alike."""
        match found:
            case dict():
                return {key: self.shape(value, key) for key, value in found.items()}
            case list():
                return [self.shape(value, name) for value in found]
            case str() if UNLIKE.match(name) or ids.is_id(found) or len(found) > 40:
                return bool(found)
            case int() if name.endswith("_us"):
                return bool(found)
            case _:
                return found


BEGINNINGS = ("ACTION_ESCALATED", "DECOY_PLANTED", "DRAFT_JUDGED", "PLAN_ADOPTED", "REMARK_KEPT", "INPUT_ADMITTED")


@pytest.fixture
async def pair(world: World) -> Pair:
    """Two reviews that a gate opened for the same agent, and a decoy that looks like the first of them."""
    filler = Filler(world.office, await world.store(Role.MANAGER, "manager-1"))
    agent = await filler.agent("studio.dov")
    campaign = await filler.campaign(agent)
    like, real = await filler.held(agent, campaign), await filler.held(agent, campaign)
    people = Reviewers(store=world.office, ids=SystemIds(), permits=world.permits)
    decoy = await people.plant(like.id, by=world.owner, arguments={"text": f"{TEXT} Or lose!"}, answer="reject")
    await people.remark(real.id, by=world.owner, text="hm")
    return Pair(world, real, decoy)


async def test_no_answer_tells_a_decoy_from_a_real_review(world: World, pair: Pair) -> None:
    asked = 0
    async with world.client("reviewer") as client:
        described = (await client.get("/v1/openapi.json")).json()
        for path, methods in sorted(described["paths"].items()):
            if "get" not in methods or path in APART:
                continue
            for real, planted in pair.paths(path):
                first, second = await client.get(real), await client.get(planted)
                assert first.status_code == second.status_code, (real, planted)
                said = second.text.casefold()
                assert "decoy" not in said and "planted" not in said, planted
                if (real != planted and "{" in path) or "?" in real:
                    assert pair.shape(first.json()) == pair.shape(second.json()), (real, planted)
                    asked += first.status_code == 200
                for one, other in ((pair.real.id, pair.decoy.id), (pair.real.task_id, pair.decoy.task_id)):
                    if real == planted or "state=held" in real:
                        assert second.text.count(one) == second.text.count(other), (planted, one, other)
        shown = (await client.get(f"/v1/campaigns/{pair.decoy.campaign_id}")).json()
    assert asked >= 20
    # As many tasks are held as reviews wait there: a reviewer who counts both learns nothing.
    assert shown["tasks"]["held"] == 3


async def test_places_in_the_chains_are_for_whoever_may_read_them(world: World, pair: Pair) -> None:
    async with world.client("reviewer") as client:
        page = (await client.get("/v1/events?limit=20")).json()
        fleet = (await client.get("/v1/fleet")).json()
        by_chain = await client.get("/v1/events?chain=office")
    assert {(one["chain"], one["sequence"], one["hash"]) for one in page["items"]} == {("", 0, "")}
    assert fleet["heads"] == []
    assert (by_chain.status_code, by_chain.json()["code"]) == (403, "not_permitted")
    padded = page["next"] + "=" * (-len(page["next"]) % 4)
    assert b"office" not in base64.urlsafe_b64decode(padded)
    async with world.client("auditor") as client:
        truth = (await client.get(f"/v1/events?record={pair.decoy.id}")).json()["items"]
        whole = (await client.get("/v1/events?limit=200")).json()["items"]
        fleet = (await client.get("/v1/fleet")).json()
    assert [(one["kind"], one["data"]["answer"]) for one in truth] == [("DECOY_PLANTED", "reject")] * 2
    assert all(one["chain"] and one["hash"] for one in whole)
    assert {head["chain"] for head in fleet["heads"]} >= {"office", "manager-1"}


async def test_a_whole_history_without_a_gap_is_told_page_by_page(world: World, pair: Pair) -> None:
    """One event a page, as somebody would ask who looks for what is missing between two."""
    async with world.client("reviewer") as client:
        told, cursor = [], ""
        while True:
            page = (await client.get("/v1/events", params={"limit": 1, "cursor": cursor})).json()
            told += page["items"]
            if not (cursor := page["next"]):
                break
    links = [link for head in await world.views.heads() for link in await world.views.links(head.writer)]
    kept = [kind for link in links if (kind := event_of(link).kind) not in OF_PEOPLE]
    remarks = 1
    assert len(told) == len(kept) - remarks
    begun = {one["data"]["review"] for one in told if one["kind"] == "ACTION_ESCALATED"}
    assert {pair.real.id, pair.decoy.id} <= begun


async def test_the_stream_and_the_day_count_a_decoy_as_what_it_looks_like(world: World, pair: Pair) -> None:
    links = [link for head in await world.views.heads() for link in await world.views.links(head.writer)]
    planted = [event for link in links if (event := event_of(link)).kind is EventKind.DECOY_PLANTED]
    topics = topics_of(planted)
    assert {name: topic.ids for name, topic in topics.items()} == {
        "task": [pair.decoy.task_id], "review": [pair.decoy.id],
    }  # fmt: skip
    assert "decoy" not in TOPICS
    following = asyncio.create_task(world.built.pulse.run())
    try:
        async with asyncio.timeout(10):
            while not world.built.pulse.tally().is_whole:
                await asyncio.sleep(0.05)
        escalated = sum(event_of(link).kind is EventKind.ACTION_ESCALATED for link in links)
        assert world.built.pulse.tally().held == escalated + 1
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def test_a_decoys_ids_are_made_as_those_of_a_real_review(pair: Pair) -> None:
    assert ids.at_us(pair.decoy.id) == ids.at_us(pair.decoy.task_id)
    for one in (pair.real, pair.decoy):
        assert one.id in {ids.derive(one.task_id, "review", str(version)) for version in range(10)}
    assert pair.decoy.deadline_us - pair.decoy.opened_at_us == pair.real.deadline_us - pair.real.opened_at_us
