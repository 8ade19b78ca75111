"""Tool servers over the API: asked by whoever may, seen by everybody, approved exactly as looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import World

pytestmark = pytest.mark.requirement("R-H1", "R-L1")


async def looked(client: Any) -> dict[str, Any]:
    answer = await client.post("/v1/tools/servers/look")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.timeout(60)
async def test_servers_are_asked_and_what_they_offer_waits_for_a_person(world: World) -> None:
    async with world.client("owner") as client:
        before = (await client.get("/v1/tools/servers")).json()
        assert (before["looked_at_us"], before["servers"], before["waiting"]) == (0, [], [])
        unseen = await client.post(
            "/v1/tools/pins", json={"tool": "good/read_work", "digest": "0" * 64, "kind": "read"}
        )
        assert (unseen.status_code, unseen.json()["code"]) == (404, "tool_not_seen")
        found = await looked(client)
        health = {row["name"]: (row["answers"], row["tools"]) for row in found["servers"]}
        assert health == {"good": (True, 1), "evil": (True, 1), "dead": (False, 0)}
        waiting = {row["tool"]: row for row in found["waiting"]}
        assert {name: row["standing"] for name, row in waiting.items()} == {
            "good/read_work": "new", "evil/read_work": "hostile"}  # fmt: skip
        wanted = {"tool": "good/read_work", "digest": waiting["good/read_work"]["digest"], "kind": "read"}
        other = await client.post("/v1/tools/pins", json={**wanted, "digest": "0" * 64})
        assert (other.status_code, other.json()["code"]) == (409, "tool_differs")
        evil = {**wanted, "tool": "evil/read_work", "digest": waiting["evil/read_work"]["digest"]}
        assert (await client.post("/v1/tools/pins", json=evil)).json()["code"] == "description_is_attack"
        pinned = await client.post("/v1/tools/pins", json=wanted)
        assert (pinned.status_code, pinned.json()["pinned_by"]) == (200, "owner")
        assert [row["tool"] for row in (await client.get("/v1/tools/servers")).json()["waiting"]] == ["evil/read_work"]
        assert (await client.post("/v1/tools/pins/revoke", json={"tool": "good/read_work"})).status_code == 200
        again = {row["tool"]: row["standing"] for row in (await client.get("/v1/tools/servers")).json()["waiting"]}
        assert again["good/read_work"] == "revoked"
    async with world.client("viewer") as client:
        assert (await client.get("/v1/tools/servers")).json()["looked_at_us"] > 0
        assert (await client.post("/v1/tools/servers/look")).status_code == 403
