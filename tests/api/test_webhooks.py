"""Webhooks against a real server: signed, in order, again until taken, given up, never inside, never in a log."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import msgspec
import pytest
import structlog

from chimera.adapters.webhooks.poster import WebhookPoster
from chimera.api import paging, telling
from chimera.api.pulse import Frame
from chimera.domain.errors import ChimeraError, Invalid, Refused
from chimera.governance.egress import Egress
from tests.api.conftest import World


@dataclass
class Receiver:
    """A small server of the other side: what came in, and what it answers."""

    port: int = 0
    status: int = 204
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.got.append((headers, body))
                answer = f"HTTP/1.1 {self.status} x\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n"
                writer.write(answer.encode())
                await writer.drain()
        writer.close()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/in/s3cr3t-path"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    other = Receiver()
    server = await asyncio.start_server(other.serve, "127.0.0.1", 0)
    other.port = server.sockets[0].getsockname()[1]
    yield other
    server.close()


async def told(world: World) -> int:
    return await world.built.telling.once()


async def halt(world: World, scope: str) -> None:
    async with world.client("operator") as client:
        assert (await client.post("/v1/halts", json={"scope": scope, "reason": "x"})).status_code == 201


@pytest.mark.requirement("R-L1")
async def test_what_the_stream_says_is_told_signed_and_once(world: World, receiver: Receiver):
    async with world.client("owner") as owner:
        made = (await owner.post("/v1/webhooks", json={"url": receiver.url, "topics": ["halt"]})).json()
        assert await told(world) == 0, "it is told what changes from now on"
        await halt(world, "platform:nostr")
        assert (await told(world), await told(world)) == (1, 0)
        (headers, body), *more = receiver.got
        assert not more
        frame = msgspec.json.decode(body, type=Frame)
        assert set(frame.topics) == {"halt"} and frame.topics["halt"].count == 1
        cursor = paging.decode(headers["chimera-event-id"], dict[str, int])
        assert cursor == {head.writer: head.seq for head in await world.views.heads()}
        seconds, signed = (part.partition("=")[2] for part in headers["chimera-signature"].split(","))
        expected = hmac.new(made["secret"].encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signed, expected)
        listed = await owner.get("/v1/webhooks")
        (row,) = listed.json()["items"]
        assert (row["told"], row["last_answer"], row["secret"]) == (1, "204", "")
        assert made["secret"] not in listed.text


async def test_what_is_not_taken_is_told_again_and_given_up_in_the_end(
    world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(telling, "FAILURES_MAX", 3)
    monkeypatch.setattr(telling, "PAUSE_SECONDS_MIN", 0)
    async with world.client("owner") as owner:
        made = (await owner.post("/v1/webhooks", json={"url": receiver.url})).json()
        await told(world)
        await halt(world, "platform:nostr")
        receiver.status = 302
        with structlog.testing.capture_logs() as lines:
            for _ in range(3):
                assert await told(world) == 0
        assert "s3cr3t" not in str(lines) and made["secret"] not in str(lines)
        assert len(receiver.got) == 3, "a redirect is followed nowhere, and is no yes"
        assert len({headers["chimera-event-id"] for headers, _ in receiver.got}) == 1, "the same, until it is taken"
        (row,) = (await owner.get("/v1/webhooks")).json()["items"]
        assert (row["state"], row["last_answer"]) == ("dead", "302")
        receiver.status = 200
        assert await told(world) == 0
        path, tag = f"/v1/webhooks/{made['id']}/state", {"if-match": f'"{row["version"]}"'}
        assert (await owner.post(path, json={"command": "resume"}, headers=tag)).json()["state"] == "active"
        assert await told(world) == 1, "it goes on where it was"
        assert b"first" in receiver.got[-1][1] or b"halt" in receiver.got[-1][1]
        stale = await owner.post(path, json={"command": "remove"}, headers=tag)
        assert (stale.status_code, stale.json()["code"]) == (412, "version_stale")


async def test_webhooks_are_for_owners_and_no_way_inside(world: World):
    async with world.client("operator") as operator, world.client("owner") as owner:
        assert (await operator.get("/v1/webhooks")).json()["code"] == "not_permitted"
        for url in ("http://example.org/x", "ftp://example.org", "https://", "https://me:pw@example.org/", "x" * 20):
            answer = await owner.post("/v1/webhooks", json={"url": url})
            assert (answer.status_code, answer.json()["code"]) == (422, "webhook_address"), url
        unknown = await owner.post("/v1/webhooks", json={"url": "https://example.org", "topics": ["nonsense"]})
        assert unknown.json()["code"] == "topic_unknown"


INSIDE = ("127.0.0.1", "localhost", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
          "2130706433")  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
async def test_an_address_inside_is_refused_unless_it_was_named(host: str, receiver: Receiver):
    async with WebhookPoster(own=Egress(())) as poster:
        with pytest.raises(ChimeraError) as refused:
            await poster.post(f"https://{host}:{receiver.port}/", b"{}", headers={})
        assert isinstance(refused.value, Refused | Invalid), refused.value
        assert refused.value.code in ("webhook_inside", "webhook_address")
    assert not receiver.got
