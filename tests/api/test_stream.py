"""The stream of changes: resumes where it was, says when too much was missed, ends with its listener."""

from __future__ import annotations

import asyncio

import msgspec

from chimera.api import paging, pulse
from chimera.api.pulse import Pulse
from chimera.api.uses import Uses
from tests.api.conftest import World


async def test_what_was_missed_is_told_once_and_new_things_arrive(world: World):
    following = Pulse(reads=world.views, clock=world.clock, zone=world.given().zone, uses=Uses())
    running = asyncio.create_task(following.run())
    try:
        first = following.listen("")
        beat = await anext(first)
        assert b"event: beat" in beat
        cursor = beat.split(b"id: ")[1].split(b"\n")[0].decode()
        async with world.client("operator") as client:
            halted = (await client.post("/v1/halts", json={"scope": "fleet", "reason": "x"})).json()
        frame = await asyncio.wait_for(anext(first), 3)
        assert msgspec.json.decode(frame.split(b"data: ")[1])["topics"]["halt"]["ids"] == [halted["id"]]
        await first.aclose()
        assert following.listeners == 0

        again = following.listen(cursor)
        await anext(again)
        missed = await anext(again)
        assert b"event: change" in missed and halted["id"].encode() in missed
        await again.aclose()

        ahead = following.listen(paging.encode({"office": 10**9}))
        await anext(ahead)
        assert pulse.RESYNC in await anext(ahead)
        await ahead.aclose()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
