"""One's own password, codes and sessions; a review that is given to somebody; notes that only their author reads."""

from __future__ import annotations

import pytest

from tests.api.conftest import World

FIRST, SECOND = "four odd words here", "seven other words there"


@pytest.mark.requirement("R-D4")
async def test_a_password_of_ones_own_is_changed_and_ends_every_session(world: World):
    async with world.client("owner") as owner, world.client("") as rita, world.client("") as elsewhere:
        await owner.post("/v1/people", json={"name": "rita", "roles": ["viewer"], "password": FIRST})
        for browser in (rita, elsewhere):
            csrf = (await browser.post("/v1/session", json={"name": "rita", "password": FIRST})).json()["csrf"]
            browser.headers["x-csrf-token"] = csrf
        listed = (await rita.get("/v1/sessions")).json()["items"]
        assert [one["current"] for one in listed].count(True) == 1 and len(listed) == 2
        assert "secret" not in (await rita.get("/v1/sessions")).text
        wrong = await rita.post("/v1/session/password", json={"current": "wrong", "new": SECOND})
        assert (wrong.status_code, wrong.json()["code"]) == (403, "password_wrong")
        weak = await rita.post("/v1/session/password", json={"current": FIRST, "new": "short"})
        assert weak.json()["code"] == "password_length"
        assert (await rita.post("/v1/session/password", json={"current": FIRST, "new": SECOND})).status_code == 204
        assert (await elsewhere.get("/v1/session")).status_code == 401
        assert (await rita.post("/v1/session", json={"name": "rita", "password": FIRST})).status_code == 401
        opened = await rita.post("/v1/session", json={"name": "rita", "password": SECOND})
        rita.headers["x-csrf-token"] = opened.json()["csrf"]
        codes = (await rita.post("/v1/session/codes", json={"current": SECOND})).json()
        assert codes["address"].startswith("otpauth://")
        assert (await elsewhere.post("/v1/session", json={"name": "rita", "password": SECOND})).status_code == 401


async def test_a_session_of_ones_own_is_ended_and_not_another_persons(world: World):
    async with world.client("operator", name="olaf") as olaf, world.client("viewer", name="vera") as vera:
        his = next(one for one in (await olaf.get("/v1/sessions")).json()["items"] if one["current"])
        assert (await vera.post(f"/v1/sessions/{his['id']}/end")).json()["code"] == "not_permitted"
        assert (await olaf.post(f"/v1/sessions/{his['id']}/end")).json()["state"] == "closed"
        assert (await olaf.get("/v1/session")).status_code == 401


async def test_a_narrowed_token_changes_no_password(world: World):
    async with world.client("operator") as operator:
        issued = (await operator.post("/v1/tokens", json={"name": "ci", "scopes": ["halt.set"]})).json()
        async with world.client("") as program:
            program.headers["authorization"] = f"Bearer {issued['secret']}"
            for path, body in (("password", {"new": SECOND}), ("codes", {})):
                answer = await program.post(f"/v1/session/{path}", json=body)
                assert (answer.status_code, answer.json()["code"]) == (403, "token_too_narrow")


@pytest.mark.requirement("R-L1")
async def test_a_review_is_assigned_and_notes_are_private(world: World):
    review = world.samples.reviews[0]
    path = f"/v1/reviews/{review.id}"
    async with world.client("operator") as operator, world.client("reviewer", name="rita") as rita:
        tag = {"if-match": f'"{review.version}"'}
        assert (await rita.post(f"{path}/assign", json={"to": "rita"}, headers=tag)).json()["code"] == "not_permitted"
        given = await operator.post(f"{path}/assign", json={"to": "rita"}, headers=tag)
        assert given.json()["assigned_to"] == "rita"
        stale = await operator.post(f"{path}/assign", json={"to": "olaf"}, headers=tag)
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")
        mine = (await rita.get("/v1/reviews", params={"assignee": "rita"})).json()["items"]
        assert [row["id"] for row in mine] == [review.id]
        taken = await operator.post(f"{path}/claim", headers={"if-match": given.headers["etag"]})
        assert taken.json()["code"] == "review_assigned"
        assert (await rita.post(f"{path}/notes", json={"text": "ask ada"})).status_code == 201
        assert [one["text"] for one in (await rita.get(f"{path}/notes")).json()["items"]] == ["ask ada"]
        assert (await operator.get(f"{path}/notes")).json()["items"] == []
        assert (await operator.get("/v1/reviewers")).status_code == 200
