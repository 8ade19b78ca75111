"""Every route: nobody without a session, and for each role exactly what the table says. New routes are walked too."""

from __future__ import annotations

from pathlib import Path

import pytest

from chimera.api.guard import COOKIE
from chimera.api.route import GuardedRoute, Needs, Public, Recognised, Route
from chimera.domain.person import PersonRole
from tests.api.conftest import World

PUBLIC = {("POST", "/v1/session"), ("GET", "/v1/session/provider"), ("POST", "/v1/session/provider"),
          ("POST", "/v1/session/provider/back"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/v1/openapi.json"),
          ("GET", "/.well-known/agent-card.json"), ("GET", "/{path:path}")}  # fmt: skip
ANY_ID = "0193f3a8-7c00-7a11-8b22-0123456789ab"
OWN = {("GET", "/v1/session"), ("DELETE", "/v1/session"), ("GET", "/v1/tokens"), ("POST", "/v1/tokens"),
       ("POST", "/v1/tokens/{token_id}/revoke"), ("POST", "/v1/session/password"), ("POST", "/v1/session/codes"),
       ("GET", "/v1/sessions"), ("POST", "/v1/sessions/{session_id}/end")}  # fmt: skip
PEOPLE = Path(__file__).parents[2] / "docs/reference/people.md"


def matrix() -> dict[tuple[str, str], bool]:
    """Verb and role to yes or no, as the page on people says it; another test holds the page to the people pack."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PEOPLE.read_text().splitlines()
            if line.startswith("| ")]  # fmt: skip
    heads = next(row for row in rows if row[0] == "verb")[2:]
    return {(row[0].strip("`"), role): cell == "yes" for row in rows if row[0].startswith("`")
            for role, cell in zip(heads, row[2:], strict=True)}  # fmt: skip


def routes_of(world: World) -> list[Route]:
    return [found.route for found in world.built.app.routes if isinstance(found, GuardedRoute)]


def path_of(route: Route) -> str:
    named = {"{kind}": "task", "{number}": "1"}
    return "/".join(named.get(part, ANY_ID if part.startswith("{") else part) for part in route.path.split("/"))


@pytest.mark.requirement("R-L1")
async def test_nobody_gets_in_without_a_session_but_where_it_is_said(world: World):
    routes = routes_of(world)
    assert len(routes) == len(world.built.app.routes), "a route that is not guarded is no route of ours"
    assert {(one.method, one.path) for one in routes if isinstance(one.needs, Public)} == PUBLIC
    assert {(one.method, one.path) for one in routes if isinstance(one.needs, Recognised)} == OWN
    async with world.client("") as client:
        for route in routes:
            if not isinstance(route.needs, Public):
                answer = await client.request(route.method, path_of(route))
                assert (answer.status_code, answer.json()["code"]) == (401, "session_missing"), route.path
        client.headers["authorization"] = "Bearer made-up"
        assert (await client.get("/v1/fleet")).status_code == 401


@pytest.mark.requirement("R-L1")
@pytest.mark.parametrize("role", PersonRole)
async def test_each_role_may_do_exactly_what_the_table_says(world: World, role: str):
    said = matrix()
    async with world.client(role) as client:
        for route in routes_of(world):
            if not isinstance(route.needs, Needs) or "text/event-stream" in route.media:
                continue
            answer = await client.request(route.method, path_of(route))
            refused = answer.status_code == 403 and answer.json()["code"] == "not_permitted"
            allowed = said[route.needs.verb, role]
            assert refused != allowed, (role, route.method, route.path, answer.text)


async def test_a_cookie_alone_does_not_write(world: World):
    async with world.client("operator") as client:
        wanted = {"scope": "fleet", "reason": "x"}
        for headers in ({"x-csrf-token": ""}, {"x-csrf-token": "0" * 32}, {"origin": "https://evil.example"}):
            answer = await client.post("/v1/halts", json=wanted, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_mismatch")
        assert await world.views.halted() == {"platform:elsewhere"}
    async with world.client("operator", by_token=True) as client:
        assert (await client.post("/v1/halts", json=wanted)).status_code == 201


async def test_a_code_opens_one_session_and_logging_out_ends_it(world: World):
    once = world.desk.entrance(world.owner)
    async with world.client("") as client:
        opened = await client.post("/v1/session", json={"once": once})
        cookie = opened.headers["set-cookie"]
        assert opened.status_code == 201 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert (await client.post("/v1/session", json={"once": once})).status_code == 401
        shown = (await client.get("/v1/session")).json()
        assert (shown["roles"], shown["csrf"]) == (["owner"], opened.json()["csrf"])
        secret = client.cookies[COOKIE]
        assert (await client.delete("/v1/session", headers={"x-csrf-token": shown["csrf"]})).status_code == 204
        client.cookies.set(COOKIE, secret)
        assert (await client.get("/v1/session")).status_code == 401


async def test_what_browsers_are_told_and_what_is_not_served(world: World):
    async with world.client() as client:
        answer = await client.get("/")
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        foreign = await client.get("/v1/fleet", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        rebound = await client.get("/v1/fleet", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["code"]) == (421, "host_not_served")
        large = await client.post("/v1/halts", content=b"[" + b" " * 1_100_000 + b"]")
        assert (large.status_code, large.json()["code"]) == (413, "request_too_large")
        deep = await client.post("/v1/halts", content=b"[" * 100 + b"]" * 100)
        assert (deep.status_code, deep.json()["code"]) == (422, "request_too_deep")
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/assets/../../x.py"):
            assert (await client.get(path)).status_code in (200, 404)
            assert "root:" not in (await client.get(path)).text


async def test_too_many_tries_are_paced_by_address_and_name(world: World):
    async with world.client("") as client:
        answers = [await client.post("/v1/session", json={"name": f"n{n}", "password": "wrong"}) for n in range(12)]
    assert [one.status_code for one in answers[:10]] == [401] * 10
    assert answers[0].json()["code"] == "login_refused"
    assert (answers[-1].status_code, answers[-1].json()["code"]) == (429, "rate_limited")
    assert answers[-1].headers["retry-after"]


async def test_a_name_is_locked_after_five_tries(world: World):
    async with world.client("") as client:
        answers = [await client.post("/v1/session", json={"name": "owner", "password": "wrong"}) for _ in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert answers[-1].json()["code"] == "login_locked"


async def test_roles_end_at_the_agents_that_they_are_for(world: World):
    mine = world.samples.agents[0].id
    async with world.client("operator", name="nell", within=(f"agent:{mine}",)) as client:
        rows = (await client.get("/v1/reviews")).json()["items"]
        assert rows and {row["agent_id"] for row in rows} == {mine}
        other = next(one for one in world.samples.reviews if one.agent_id != mine)
        for answer in (
            await client.get(f"/v1/reviews/{other.id}"),
            await client.post(f"/v1/reviews/{other.id}/claim", headers={"if-match": '"1"'}),
            await client.post("/v1/halts", json={"scope": "fleet", "reason": "x"}),
            await client.post("/v1/campaigns", json={"text": "x", "agent": mine, "platform": "sandbox",
                                                     "budget_micros": 1}),
        ):  # fmt: skip
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted")
        assert (await client.post("/v1/halts", json={"scope": f"agent:{mine}", "reason": "x"})).status_code == 201


async def test_how_people_come_in_is_no_page_of_history(world: World):
    async with world.client("owner") as client:
        for kind in ("person", "session", "token", "knocks", "decoy", "remark"):
            answer = await client.get(f"/v1/audit/records/{kind}/{world.owner.person}")
            assert (answer.status_code, answer.json()["code"]) == (404, "kind_unknown")
