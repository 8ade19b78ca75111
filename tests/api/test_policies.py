"""Policy over the API: looked at, checked, compared, back-tested, proposed, applied by an owner alone, gone back."""

from __future__ import annotations

import msgspec
import pytest

from chimera.adapters.documents.governance import load_files
from tests.api.conftest import World


def pack(*, release: str = "2", bands: str = "") -> dict[str, object]:
    files = load_files()
    return {"name": files.name, "release": release, "text": files.text, "schema": files.schema,
            "bands": bands or files.bands, "cases": msgspec.to_builtins(files.cases)}  # fmt: skip


@pytest.mark.requirement("R-L1")
async def test_a_policy_is_looked_at_tried_and_applied_by_an_owner(world: World):
    async with world.client("owner") as owner, world.client("operator", name="olaf") as operator:
        shown = (await operator.get("/v1/policy")).json()
        assert (shown["number"], shown["name"]) == (0, load_files().name) and shown["rules"] and shown["cases"]
        checked = (await operator.post("/v1/policy/check", json={"number": 0})).json()
        assert checked["ok"] and checked["failed"] == 0 and checked["digest"] == shown["digest"]
        lenient = shown["bands"].replace("9000", "6000").replace("7000", "5500")
        assert lenient != shown["bands"]
        wanted = {**pack(bands=lenient), "cases": []}
        compared = (await operator.post("/v1/policy/compare", json={"pack": wanted})).json()
        assert not compared["same"] and compared["bands"][0] != compared["bands"][1]
        tested = (await operator.post("/v1/policy/backtest", json={"pack": wanted, "days": 1})).json()
        assert tested["decisions"] > 0 and tested["decisions"] == sum(tested["before"].values())

        proposal = {"pack": pack(), "why": "a new release"}
        assert (await operator.post("/v1/policy/versions", json=proposal)).json()["code"] == "not_permitted"
        made = (await owner.post("/v1/policy/versions", json=proposal)).json()
        assert (made["number"], made["state"]) == (2, "proposed")
        apply = f"/v1/policy/versions/{made['number']}/apply"
        wrong = await owner.post(apply, json={"digest": "0" * 64})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "policy_bytes_differ")
        assert (await owner.post(apply, json={"digest": made["digest"]})).json()["state"] == "in_force"
        assert (await operator.get("/v1/policy")).json()["number"] == 2
        rows = (await operator.get("/v1/policy/versions")).json()["items"]
        assert [(row["number"], row["state"]) for row in rows] == [(1, "replaced"), (2, "in_force")]
        back = await owner.post("/v1/policy/versions/1/apply", json={"digest": rows[0]["digest"]})
        assert back.json()["state"] == "in_force"


async def test_what_is_no_policy_is_refused_in_words(world: World):
    broken = {**pack(), "text": "permit (principal, action, resource"}
    async with world.client("owner") as client:
        for body, code in (
            ({"pack": broken}, "policy_malformed"),
            ({"pack": {**pack(), "cases": [{"name": 1}]}}, "policy_case_malformed"),
            ({"number": 9}, "policy_unknown"),
            ({}, "request_invalid"),
            ({"number": 1, "pack": pack()}, "request_invalid"),
        ):
            answer = await client.post("/v1/policy/check", json=body)
            assert answer.status_code in (404, 422) and answer.json()["code"] == code, answer.text
