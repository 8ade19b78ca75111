"""The stream of changes: resumes where it was, says when too much was missed, ends with its listener."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from chimera.api import paging, pulse
from chimera.api.pulse import Pulse
from chimera.api.restraints import Restraints
from chimera.api.uses import Uses
from tests.api.conftest import World


async def test_what_was_missed_is_told_once_and_new_things_arrive(world: World):
    following = Pulse(reads=world.views, clock=world.clock, zone=world.given().zone, uses=Uses(),
                      restraints=Restraints(world.clock), places=paging.Places(world.secrecy))  # fmt: skip
    running = asyncio.create_task(following.run())
    try:
        first = following.listen("")
        beat = await anext(first)
        assert b"event: beat" in beat
        cursor = beat.split(b"id: ")[1].split(b"\n")[0].decode()
        async with world.client("operator") as client:
            halted = (await client.post("/v1/halts", json={"scope": "fleet", "reason": "x"})).json()
        frame = await asyncio.wait_for(anext(first), 30)
        assert msgspec.json.decode(frame.split(b"data: ")[1])["topics"]["halt"]["ids"] == [halted["id"]]
        await first.aclose()
        assert following.listeners == 0

        again = following.listen(cursor)
        await anext(again)
        missed = await anext(again)
        assert b"event: change" in missed and halted["id"].encode() in missed
        await again.aclose()

        ahead = following.listen(paging.Places(world.secrecy).encode({"office": 10**9}))
        await anext(ahead)
        assert pulse.RESYNC in await anext(ahead)
        await ahead.aclose()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_is_new_waits_for_pages_that_are_busy_and_goes_in_one_frame(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(pulse, "CROWDED_SECONDS_MAX", 60.0)
    following = Pulse(reads=world.views, clock=world.clock, zone=world.given().zone, uses=Uses(),
                      restraints=Restraints(world.clock), places=paging.Places(world.secrecy))  # fmt: skip
    running = asyncio.create_task(following.run())
    try:
        page = following.listen("")
        await anext(page)
        (queue,) = following._listeners
        async with world.client("operator") as client:
            halt = {"reason": "x"}
            await client.post("/v1/halts", json={**halt, "scope": "tool:web/first"})
            async with asyncio.timeout(20):
                while queue.empty():
                    await asyncio.sleep(0.05)
            later = [await client.post("/v1/halts", json={**halt, "scope": f"tool:web/{name}"}) for name in "ab"]
        told = [one.json()["id"] for one in later]
        assert queue.qsize() == 1, "the page has not taken the first frame: there is no second one"
        await anext(page)
        async with asyncio.timeout(20):
            frame = await anext(page)
        assert msgspec.json.decode(frame.split(b"data: ")[1])["topics"]["halt"]["ids"] == told
        await page.aclose()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_what_waits_for_a_page_is_written_at_once():
    queue = asyncio.Queue[bytes]()
    for part in (b"one ", b"two ", b"three"):
        queue.put_nowait(part)
    assert await pulse._waiting(queue) == b"one two three"
