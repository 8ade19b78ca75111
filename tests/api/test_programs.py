"""Outside programs over the API: who lets one in, with nothing but the number of the browser that asked, and once."""

from __future__ import annotations

import pytest

from chimera.adapters.system.clock import SystemIds
from chimera.domain.access import Access
from chimera.governance.identity.accesses import Accesses, Asking
from tests.api.conftest import World

pytestmark = pytest.mark.requirement("R-N7", "R-L1")
BOTH = ("chimera.read", "chimera.act")


def accesses_of(world: World) -> Accesses:
    return Accesses(store=world.office, ids_from=SystemIds(), secrecy=world.secrecy, permits=world.permits)


async def asked(world: World) -> tuple[Access, str]:
    return await accesses_of(world).ask(Asking(
        client_id=SystemIds().new(), client=b"{}", program="<b>a stock client</b>", redirect="http://127.0.0.1:9/back",
        challenge="c" * 43, scopes=BOTH,
    ))  # fmt: skip


async def test_a_person_lets_a_program_in_with_the_number_that_its_browser_shows(world: World) -> None:
    access, watch = await asked(world)
    given = {"agent": world.samples.agents[0].id, "scopes": ["chimera.read"], "number": access.number}
    async with world.client("owner") as client:
        [waiting] = (await client.get("/v1/programs")).json()["asking"]
        assert (waiting["program"], waiting["answers_to"], waiting["state"]) == (
            "<b>a stock client</b>", "127.0.0.1:9", "asked")  # fmt: skip
        assert access.number not in str(waiting)
        wrong = {**given, "number": f"{(int(access.number) + 1) % 1_000_000:06}"}
        refused = await client.post(f"/v1/programs/{access.id}/admit", json=wrong)
        assert (refused.status_code, refused.json()["code"]) == (403, "access_number_wrong")
        no_token = await client.post(f"/v1/programs/{access.id}/admit", json=given, headers={"x-csrf-token": ""})
        assert (no_token.status_code, no_token.json()["code"]) == (403, "csrf_mismatch")
        admitted = await client.post(f"/v1/programs/{access.id}/admit", json=given)
        assert (admitted.status_code, admitted.json()["scopes"], admitted.json()["by"]) == (
            200, ["chimera.read"], "owner")  # fmt: skip
        again = await client.post(f"/v1/programs/{access.id}/admit", json=given)
        assert again.status_code == 409 or again.json()["code"] == "access_admitted_cannot_admit"
        shown = (await client.get("/v1/programs")).json()
        assert (shown["asking"], [one["agent_name"] for one in shown["admitted"]]) == (
            [], [world.samples.agents[0].name])  # fmt: skip
    heard = await accesses_of(world).watched(watch)
    assert (heard.state, heard.scopes) == ("admitted", ("chimera.read",))
    async with world.client("owner") as client:
        assert (await client.post(f"/v1/programs/{access.id}/revoke")).json()["state"] == "revoked"


async def test_who_may_not_change_agents_lets_nobody_in(world: World) -> None:
    access, _ = await asked(world)
    given = {"agent": world.samples.agents[0].id, "scopes": list(BOTH), "number": access.number}
    async with world.client("reviewer") as client:
        assert len((await client.get("/v1/programs")).json()["asking"]) == 1
        for act in ("admit", "refuse", "revoke"):
            answer = await client.post(f"/v1/programs/{access.id}/{act}", json=given if act == "admit" else None)
            assert (answer.status_code, answer.json()["code"]) == (403, "not_permitted"), act
    mine = world.samples.agents[0].id
    async with world.client("operator", name="nell", within=(f"agent:{mine}",)) as client:
        other = {**given, "agent": world.samples.agents[1].id}
        assert (await client.post(f"/v1/programs/{access.id}/admit", json=other)).status_code == 403
    async with world.client("owner") as client:
        assert (await client.post(f"/v1/programs/{access.id}/refuse")).json()["state"] == "refused"
