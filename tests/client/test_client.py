"""The client against the real API on a port: types in step, pages, errors, writes done once, the stream resumed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import typing
from collections.abc import AsyncGenerator

import httpx2
import msgspec
import pytest

from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.api import serving
from chimera.assembly.serving import api_document
from chimera.client import shapes
from chimera.client.house import House
from chimera.client.wire import Wire
from chimera.domain.errors import Conflict, Missing, Refused, Unavailable
from tests.api.conftest import World

SHAPES = [one for one in vars(shapes).values() if isinstance(one, type) and one.__module__ == shapes.__name__]


class Losing(httpx2.AsyncBaseTransport):
    """Loses the first answers after the house has given them."""

    def __init__(self, lost: int) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self._lost = lost

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._inner.handle_async_request(request)
        if self._lost:
            self._lost -= 1
            await response.aclose()
            raise httpx2.ReadError("the answer was lost")
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


@contextlib.asynccontextmanager
async def house_of(
    world: World, role: str, *, port: int = 0, lost: int = 0, way: httpx2.AsyncBaseTransport | None = None
) -> AsyncGenerator[tuple[House, int]]:
    """The API on a port, and a client of it that reaches it that way."""
    token = await world.secret_of(role, role, by_token=True)
    async with serving.listening(world.app(), host="127.0.0.1", port=port) as where:
        transport = Losing(lost) if lost else way
        async with Wire(where.url, token, clock=SystemClock(), ids=SystemIds(), transport=transport) as wire:
            yield House(wire), where.port


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_field_that_is_read_is_in_the_description(shape: type):
    described = json.loads(api_document())["components"]["schemas"]
    found = described.get(shape.__name__)
    assert found is not None, f"the API knows no {shape.__name__}"
    fields = {field.encode_name for field in msgspec.structs.fields(shape)}
    assert fields <= set(found["properties"]), fields - set(found["properties"])
    mine = msgspec.json.schema(shape)["$defs"][shape.__name__]["properties"]
    for name, hint in typing.get_type_hints(shape).items():
        theirs = found["properties"][name]
        if "type" in mine[name] and "type" in theirs:
            assert mine[name]["type"] == theirs["type"], (shape.__name__, name, hint)


@pytest.mark.requirement("R-L1")
async def test_a_review_is_ruled_on_and_a_stale_look_is_a_conflict(world: World):
    async with house_of(world, "operator") as (house, _):
        assert "review.rule" in (await house.session()).permitted
        assert (await house.fleet()).reviews
        rows = [row async for row in house.reviews()]
        assert {row.id for row in rows} == {review.id for review in world.samples.reviews}
        claimed = await house.claim(rows[0])
        assert claimed.claim is not None and claimed.claim.name == "operator"
        with pytest.raises(Conflict) as stale:
            await house.approve(rows[0])
        assert stale.value.code == "version_stale"
        fresh = (await house.review(rows[0].id)).row
        assert (await house.reject(fresh, reason="no")).outcome == "rejected"
        with pytest.raises(Missing):
            await house.review(world.samples.agents[0].id)
        with pytest.raises(Refused):
            await house.wire.get("/v1/webhooks")
        assert [row.name async for row in house.agents(text="studio")] == ["studio.ada", "studio.bob", "studio.cyd"]
        assert len([row async for row in house.wire.every("/v1/reviews", shapes.ReviewRow, {"limit": 1})]) == 3


@pytest.mark.requirement("R-L1")
async def test_an_answer_that_got_lost_is_asked_for_again_and_the_write_is_done_once(world: World):
    async with house_of(world, "operator", lost=2) as (house, _):
        halt = await house.halt("platform:sandbox", reason="odd answers")
    events = [line async for line in _halts(world)]
    assert [one for one in events if one == halt.id] == [halt.id]


async def test_a_pause_halts_nothing_and_is_lifted_like_a_halt(world: World):
    before = await world.views.halted()
    async with house_of(world, "operator") as (house, _):
        paused = await house.pause("platform:nostr", reason="a quiet day")
        assert (str(paused.state), await world.views.halted()) == ("paused", before)
        assert (await house.resume("platform:nostr")).id == paused.id


async def test_a_house_that_is_away_says_so_in_the_end(world: World, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("chimera.client.wire.PAUSE_SECONDS_MIN", 0.001)
    async with house_of(world, "viewer") as (_, port):
        pass
    async with Wire(f"http://127.0.0.1:{port}", "none", clock=SystemClock(), ids=SystemIds()) as wire:
        with pytest.raises(Unavailable) as away:
            await wire.get("/v1/fleet")
    assert away.value.code == "api_away"


@pytest.mark.requirement("R-L1")
async def test_the_stream_goes_on_where_it_was_after_the_house_was_away(world: World):
    async with house_of(world, "operator") as (house, _), _following(world):
        stream = house.changes()
        first = await anext(stream)
        assert (first.kind, bool(first.cursor)) == ("beat", True)
        await stream.aclose()
        halt = await house.halt("platform:mastodon", reason="while nobody listened")
        resumed = house.changes(cursor=first.cursor)
        async for change in resumed:
            if change.frame and "halt" in change.frame.topics:
                assert halt.id in change.frame.topics["halt"].ids or change.frame.topics["halt"].count == 1
                break
        await resumed.aclose()


@contextlib.asynccontextmanager
async def _following(world: World) -> AsyncGenerator[None]:
    task = asyncio.create_task(world.built.pulse.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _halts(world: World) -> AsyncGenerator[str]:
    async with world.client("owner") as client:
        for halt in (await client.get("/v1/halts", params={"state": "active"})).json()["items"]:
            if halt["halted"] == "platform:sandbox":
                yield halt["id"]
