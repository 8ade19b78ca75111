"""A write that is sent again under its key is done once: by two processes, after a restart, and until it expires."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from chimera.domain.halt import Halt
from tests.api.conftest import World

HALT = {"scope": "platform:sandbox", "reason": "odd answers"}


@pytest.mark.requirement("R-L1")
async def test_a_key_holds_across_processes_and_is_bound_to_its_request(world: World):
    key = {"idempotency-key": "halt-1"}
    async with world.client("operator") as client:
        answers = await asyncio.gather(*(client.post("/v1/halts", json=HALT, headers=key) for _ in range(5)))
        assert {one.status_code for one in answers} == {201}
        assert len({one.content for one in answers}) == 1
        assert len([one for one in await world.views.list(Halt) if one.halted == HALT["scope"]]) == 1
        async with world.rebuilt() as again:
            again.cookies, again.headers = client.cookies, client.headers
            after = await again.post("/v1/halts", json=HALT, headers=key)
            assert (after.status_code, after.content) == (201, answers[0].content), "another process knows it"
        other = await client.post("/v1/halts", json={**HALT, "reason": "else"}, headers=key)
        assert (other.status_code, other.json()["code"]) == (409, "key_reused")
        async with world.client("operator", name="olaf") as olaf:
            mine = await olaf.post("/v1/halts", json={**HALT, "scope": "platform:nostr"}, headers=key)
            assert mine.status_code == 201, "a key is its person's own"


async def test_what_failed_may_be_sent_again_and_a_secret_is_not_kept(world: World):
    async with world.client("owner") as client:
        key = {"idempotency-key": "k"}
        refused = await client.post("/v1/halts", json={**HALT, "scope": "nonsense"}, headers=key)
        assert refused.status_code == 422
        assert (await client.post("/v1/halts", json=HALT, headers=key)).status_code == 201
        wanted, key = {"name": "ci", "scopes": ["halt.set"]}, {"idempotency-key": "t"}
        issued = await client.post("/v1/tokens", json=wanted, headers=key)
        assert issued.json()["secret"]
        twice = await client.post("/v1/tokens", json=wanted, headers=key)
        assert (twice.status_code, twice.json()["code"]) == (409, "key_answered")
        assert [one["name"] for one in (await client.get("/v1/tokens")).json()["items"]].count("ci") == 1
        kept = await _kept(world)
        assert issued.json()["secret"].encode() not in kept and b"odd answers" not in kept


async def test_a_day_later_a_key_is_free_again(world: World):
    now_us = world.clock.now_us()
    until_us = now_us + 1_000
    assert (await world.replies.begin(b"k", b"d", at_us=now_us, until_us=until_us)).is_new
    assert not (await world.replies.begin(b"k", b"d", at_us=now_us, until_us=until_us)).is_new
    assert (await world.replies.begin(b"k", b"e", at_us=until_us, until_us=until_us + 1_000)).is_new
    assert await world.replies.drop(before_us=until_us) == 0
    assert await world.replies.drop(before_us=until_us + 1_000) == 1


async def _kept(world: World) -> bytes:
    connection = await asyncpg.connect(world.dsn)
    try:
        rows = await connection.fetch("SELECT kept FROM chimera.replies")
    finally:
        await connection.close()
    return b"".join(row["kept"] or b"" for row in rows)
