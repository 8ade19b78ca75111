"""People and tokens over the API: added, narrowed, revoked; no secret is shown twice."""

from __future__ import annotations

import pytest

from tests.api.conftest import World


@pytest.mark.requirement("R-D4")
async def test_somebody_is_added_given_roles_and_shut_out(world: World):
    async with world.client("owner") as client:
        made = await client.post(
            "/v1/people", json={"name": "rita", "roles": ["reviewer"], "password": "four odd words here"}
        )
        assert made.status_code == 201 and made.json()["has_password"], made.text
        assert "argon2" not in made.text
        again = await client.post("/v1/people", json={"name": "rita", "roles": ["viewer"]})
        assert (again.status_code, again.json()["code"]) == (409, "person_taken")
        async with world.client("") as rita:
            opened = await rita.post("/v1/session", json={"name": "rita", "password": "four odd words here"})
            assert opened.json()["roles"] == ["reviewer"]
            assert (await rita.get("/v1/people")).json()["code"] == "not_permitted"
            await client.post("/v1/people/rita/roles", json={"roles": ["operator"]})
            assert (await rita.get("/v1/people")).status_code == 200, "effective with the next request"
            assert (await client.post("/v1/people/rita/disable")).json()["state"] == "disabled"
            assert (await rita.get("/v1/session")).status_code == 401
        last = await client.post("/v1/people/owner/disable")
        assert (last.status_code, last.json()["code"]) == (403, "last_owner")


@pytest.mark.requirement("R-D4")
async def test_a_token_is_narrowed_shown_once_and_revoked(world: World):
    async with world.client("operator") as client:
        issued = (await client.post("/v1/tokens", json={"name": "ci", "scopes": ["halt.set"]})).json()
        listed = (await client.get("/v1/tokens")).json()["items"]
        assert [(one["id"], one["secret"]) for one in listed] == [(issued["id"], "")]
        async with world.client("") as program:
            program.headers["authorization"] = f"Bearer {issued['secret']}"
            halt = {"scope": "platform:sandbox", "reason": "x"}
            assert (await program.post("/v1/halts", json=halt)).status_code == 201
            for answer in (
                await program.get("/v1/reviews"),
                await program.post("/v1/tokens", json={"name": "more", "scopes": ["halt.set"]}),
            ):
                assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
            assert (await client.post(f"/v1/tokens/{issued['id']}/revoke")).json()["state"] == "closed"
            over = await program.post("/v1/halts", json=halt)
            assert (over.status_code, over.json()["code"]) == (401, "token_over")
