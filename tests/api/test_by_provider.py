"""Log-in by a provider over HTTP. The provider's own checks are tested beside the adapter, on a certified one."""

from __future__ import annotations

import httpx
import pytest

from chimera.api import assembly
from chimera.api.guard import COOKIE
from chimera.api.session import AWAY_COOKIE
from chimera.domain.errors import Refused
from chimera.governance.identity.registry import Joining
from chimera.ports.vouching import Pending
from tests.api.conftest import World

pytestmark = pytest.mark.requirement("R-D4")
LEAVE, BACK = "/v1/session/provider", "/v1/session/provider/back"


class Elsewhere:
    """A provider that vouches for whoever the code names, to the browser that was sent."""

    name = "accounts.example"

    def __init__(self) -> None:
        self._begun = 0

    async def begin(self) -> Pending:
        self._begun += 1
        state = f"state-{self._begun}"
        return Pending(
            address=f"https://accounts.example/?state={state}", state=state, nonce="n", verifier="v", begun_us=1
        )

    async def finish(self, pending: Pending, *, code: str, state: str) -> str:
        if pending.state != state:
            raise Refused("provider_refused", "the answer belongs to another log-in", where="log-in")
        return f"https://accounts.example {code}"


@pytest.fixture
async def known(world: World) -> World:
    """A house with a provider, which knows one reviewer by it."""
    world.provider = Elsewhere()
    world.built = assembly.built(world.given())
    if not any(one.name == "ines" for one in await world.desk.registry.people(world.owner)):
        joining = Joining(name="ines", roles=("reviewer",), provider="https://accounts.example ines-7")
        await world.desk.add_person(world.owner, joining)
    return world


async def left(client: httpx.AsyncClient) -> str:
    """A browser that was sent away; its state."""
    answer = await client.post(LEAVE)
    assert answer.status_code == 200, answer.text
    kept = answer.headers["set-cookie"].lower()
    assert "httponly" in kept and "samesite=strict" in kept and "ines" not in kept
    return answer.json()["address"].rpartition("=")[2]


async def test_whoever_the_provider_vouches_for_is_let_in(known: World):
    async with known.client("") as client:
        assert (await client.get(LEAVE)).json() == {"name": "accounts.example"}
        answer = await client.post(BACK, json={"state": await left(client), "code": "ines-7"})
        assert (answer.status_code, answer.json()["name"], answer.json()["roles"]) == (201, "ines", ["reviewer"])
        assert AWAY_COOKIE not in client.cookies and COOKIE in client.cookies
        assert (await client.get("/v1/session")).json()["name"] == "ines"


async def test_what_one_browser_began_no_other_brings_back(known: World):
    async with known.client("") as one, known.client("") as another:
        state = await left(one)
        answer = await another.post(BACK, json={"state": state, "code": "ines-7"})
        assert (answer.status_code, answer.json()["code"]) == (401, "login_not_begun")
        await left(another)
        answer = await another.post(BACK, json={"state": state, "code": "ines-7"})
        assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")
        another.cookies.set(AWAY_COOKIE, "made up")
        answer = await another.post(BACK, json={"state": state, "code": "ines-7"})
        assert answer.json()["code"] == "login_not_begun" and COOKIE not in another.cookies


async def test_somebody_whom_only_the_provider_knows_stays_outside(known: World):
    async with known.client("") as client:
        answer = await client.post(BACK, json={"state": await left(client), "code": "stranger"})
        assert (answer.status_code, answer.json()["code"]) == (401, "login_unknown")
        assert COOKIE not in client.cookies


async def test_a_provider_that_says_no_is_heard(known: World):
    async with known.client("") as client:
        answer = await client.post(BACK, json={"state": await left(client), "error": "access_denied"})
        assert (answer.status_code, answer.json()["code"]) == (401, "provider_refused")
        assert "access_denied" in answer.json()["detail"]
        answer = await client.post(BACK, json={"state": "s", "error": "Call 555-0100 at once"})
        assert answer.status_code == 422


async def test_without_a_provider_there_is_no_such_way(world: World):
    world.provider = None
    world.built = assembly.built(world.given())
    async with world.client("") as client:
        assert (await client.get(LEAVE)).json() == {"name": ""}
        answer = await client.post(LEAVE)
        assert (answer.status_code, answer.json()["code"]) == (404, "provider_not_set")
