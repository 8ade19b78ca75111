"""Every route: nobody without a session, and for each role exactly what the table says. New routes are walked too."""

from __future__ import annotations

import pytest

from chimera.api.guard import COOKIE
from chimera.api.route import GuardedRoute, Needs, Public, Route
from chimera.domain.standing import ROLES, permits
from tests.api.conftest import World

PUBLIC = {("POST", "/v1/session"), ("GET", "/health"), ("GET", "/ready"), ("GET", "/v1/openapi.json"),
          ("GET", "/{path:path}")}  # fmt: skip
ANY_ID = "0193f3a8-7c00-7a11-8b22-0123456789ab"
SEEN = {"read", "write", "rule", "begin", "end"}


def routes_of(world: World) -> list[Route]:
    return [found.route for found in world.built.app.routes if isinstance(found, GuardedRoute)]


def path_of(route: Route) -> str:
    parts = ["task" if part == "{kind}" else ANY_ID if part.startswith("{") else part for part in route.path.split("/")]
    return "/".join(parts)


@pytest.mark.requirement("R-L1")
async def test_nobody_gets_in_without_a_session_but_where_it_is_said(world: World):
    routes = routes_of(world)
    assert len(routes) == len(world.built.app.routes), "a route that is not guarded is no route of ours"
    assert {(one.method, one.path) for one in routes if isinstance(one.needs, Public)} == PUBLIC
    async with world.client("") as client:
        for route in routes:
            if isinstance(route.needs, Needs):
                answer = await client.request(route.method, path_of(route))
                assert (answer.status_code, answer.json()["code"]) == (401, "session_missing"), route.path
        client.headers["authorization"] = "Bearer made-up"
        assert (await client.get("/v1/fleet")).status_code == 401


@pytest.mark.requirement("R-L1")
@pytest.mark.parametrize("role", ROLES)
async def test_each_role_may_do_exactly_what_the_table_says(world: World, role: str):
    async with world.client(role) as client:
        for route in routes_of(world):
            if not isinstance(route.needs, Needs) or "text/event-stream" in route.media:
                continue
            if route.path == "/v1/session" and route.method == "DELETE":
                continue
            answer = await client.request(route.method, path_of(route))
            refused = answer.status_code == 403 and answer.json()["code"] == "role_may_not"
            allowed = permits(role, route.needs.verb, route.needs.resource)
            assert route.needs.verb in SEEN
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
    once = world.desk.one_time_code()
    async with world.client("") as client:
        opened = await client.post("/v1/session", json={"once": once})
        cookie = opened.headers["set-cookie"]
        assert opened.status_code == 201 and "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert (await client.post("/v1/session", json={"once": once})).status_code == 401
        shown = (await client.get("/v1/session")).json()
        assert (shown["role"], shown["csrf"]) == ("owner", opened.json()["csrf"])
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


async def test_too_many_tries_are_paced(world: World):
    async with world.client("") as client:
        answers = [await client.post("/v1/session", json={"password": "wrong"}) for _ in range(12)]
    assert [one.status_code for one in answers[:10]] == [401] * 10
    assert answers[-1].status_code == 429 and answers[-1].headers["retry-after"]
