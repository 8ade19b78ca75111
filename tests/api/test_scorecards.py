"""Versions of an agent beside one another: rehearsed before the same crowds, kept once, and gone back to whole."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.api.conftest import World
from tests.governance.security.test_ways_in import ATTACK

MANIFEST = """
identity: {{name: studio.newcomer, version: "{version}", title: A newcomer, owner: Studio}}
persona: {{name: Newcomer, voice: Short sentences., disclosure: "[AI persona]", interests: [games]}}
goals: [Say one useful thing.]
capabilities: [copy]
permissions: [{permissions}]
accounts: [{{platform: sandbox, handle: "@newcomer"}}]
schedule: {{posts_per_day_max: {posts}, hours: [{{days: [monday], opens: "08:00", closes: "20:00"}}]}}
constitution: rules.yaml
"""
RULES = """
rules:
  - {id: kind, rule: Never mock a person., severity: revise, good: [That was a brave try.], bad: [What a fool.]}
"""


async def offered(client: httpx.AsyncClient, manifest: str, *, rules: str = RULES) -> httpx.Response:
    offer = {"name": "studio.newcomer", "files": {"manifest.yaml": manifest, "rules.yaml": rules},
             "accept_permissions": True, "accept_budget": True}  # fmt: skip
    return await client.post("/v1/agents", json=offer)


async def install(client: httpx.AsyncClient, version: str, *permissions: str, posts: int, rules: str = RULES) -> Any:
    text = MANIFEST.format(version=version, permissions=", ".join(permissions), posts=posts)
    answer = await offered(client, text, rules=rules)
    assert answer.status_code == 201, answer.text
    return answer.json()


@pytest.mark.requirement("R-D1", "R-L1")
async def test_a_package_that_gives_orders_to_its_reader_is_not_installed(world: World):
    text = MANIFEST.format(version="1.0.0", permissions="post.publish", posts=3)
    async with world.client("operator") as client:
        before = (await client.get("/v1/agents")).json()
        answer = await offered(client, text.replace("Short sentences.", json.dumps(ATTACK)))
        assert (answer.status_code, answer.json()["code"]) == (403, "description_is_attack"), answer.text
        assert (await client.get("/v1/agents")).json() == before


@pytest.mark.requirement("R-L1")
async def test_two_versions_are_rehearsed_before_the_same_crowds_and_kept(world: World):
    async with world.client("operator") as client:
        agent = (await install(client, "1.0.0", "post.publish", posts=8))["id"]
        path = f"/v1/agents/{agent}/scorecards"
        assert (await client.get(path)).json() == {"items": []}
        (alone,) = (await client.post(path, json={})).json()["items"]
        await install(client, "1.1.0", "post.publish", "media.make", posts=3)
        first, second = (await client.post(path, json={"scenario": "week"})).json()["items"]
        assert first == {**alone, "in_force": False}, "what was rehearsed is not rehearsed again"
        assert (second["package_version"], second["in_force"]) == ("1.1.0", True)
        assert [(one["pictures"], one["posts_per_day"], one["hours"]) for one in (first, second)] == [
            (False, 8, 12), (True, 3, 12)]  # fmt: skip
        assert [trial["seed"] for trial in second["trials"]] == [trial["seed"] for trial in first["trials"]] == [1, 2]
        assert first["rate_millionths"] == first["engagements"] * 1_000_000 // first["impressions"]
        assert (await client.get(path)).json()["items"] == [first, second]
        assert (await client.post(path, json={"scenario": "nowhere"})).json()["code"] == "scenario_missing"
        told = (await client.get("/v1/events?kind=AGENT_REHEARSED")).json()["items"]
        assert [one["data"]["version"] for one in told] == ["1.1.0", "1.0.0"]
    async with world.client("viewer") as viewer:
        assert len((await viewer.get(path)).json()["items"]) == 2
        assert (await viewer.post(path, json={})).json()["code"] == "not_permitted"


async def test_an_agent_without_a_manifest_on_record_is_not_rehearsed(world: World):
    async with world.client("operator") as client:
        answer = await client.post(f"/v1/agents/{world.samples.agents[0].id}/scorecards", json={})
        assert (answer.status_code, answer.json()["code"]) == (404, "edition_missing")


async def test_going_back_to_a_version_brings_its_constitution_back(world: World):
    async with world.client("operator") as client:
        agent = (await install(client, "1.0.0", "post.publish", posts=8))["id"]
        await install(client, "1.1.0", "post.publish", posts=8, rules=RULES.replace("kind", "brief"))
        shown = await client.get(f"/v1/agents/{agent}")
        assert [rule["id"] for rule in shown.json()["persona"]["rules"]] == ["brief"]
        versions = (await client.get(f"/v1/agents/{agent}/versions")).json()["items"]
        back = await client.post(f"/v1/agents/{agent}/rollback", json={"digest": versions[0]["digest"]},
                                 headers={"if-match": shown.headers["etag"]})  # fmt: skip
        assert back.status_code == 200, back.text
        rules = (await client.get(f"/v1/agents/{agent}")).json()["persona"]["rules"]
        assert [rule["id"] for rule in rules] == ["kind"]
