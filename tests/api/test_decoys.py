"""A decoy is like any review that waits, also on the page of its task: nothing leads nowhere, nothing tells on it."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from chimera.adapters.system.clock import SystemIds
from chimera.api import imitations
from chimera.domain.attempt import Attempt
from chimera.domain.draft import Call
from chimera.governance.reviewers import Reviewers
from tests.api.conftest import World

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
