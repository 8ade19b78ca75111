"""What a stolen worker's token opens at the gateway: the tasks of its slice, until its time is over; nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.gateway.client import CONNECT_SECONDS_MAX, GatewayLine, GatewayModel, GatewayTools
from chimera.adapters.gateway.frames import ALIVE, FRAME_BYTES_MAX, Call, Frames, Reply, framed
from chimera.adapters.gateway.server import WorkersGateway
from chimera.adapters.guarded.tools_read import GuardedToolsRead
from chimera.domain.errors import Invalid, Missing, Refused, Unavailable
from chimera.domain.labels import SECRET, TRUSTED
from chimera.domain.work import Material
from chimera.governance.egress import Egress
from chimera.governance.entrusted import Entrusted
from chimera.governance.identity import slices
from chimera.governance.identity.slices import ManagersPass
from chimera.governance.security.cached import CachedScanner
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.ports.model import ModelAnswer, ModelRequest, ModelsFailed, Try
from chimera.ports.tools_read import ToolAnswer
from chimera.testing.dispatch_conformance import assignments
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-A7")
KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([one]) * 32) for one in (1, 2))
TRIED = (Try(model="m", cause="error", detail="HTTP 503", cost_micros=3), Try(model="n", cause="resting"))
SECURITY = SecurityGateway(CachedScanner(shipped_scanner()))


class NamedModel:
    """Says its name; an order to fail is followed."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        if request.prompt == "try":
            raise ModelsFailed(TRIED)
        if request.prompt == "fail":
            raise Missing("agent_unknown", "there is none", where="here", remedy="look elsewhere")
        return ModelAnswer(text=f"{self.name} {request.data['x']}", model=self.name, cost_micros=7)


class EchoTools:
    """Says what it was asked."""

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        return ToolAnswer(content={"tool": tool, "for": agent_id, **arguments}, labels=TRUSTED)


class House:
    """A gateway that listens, two slices, and a clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.mine, self.others = assignments(2)
        self.token = slices.signed((self.mine,), key=KEY, clock=self.clock)
        self.gateway = WorkersGateway(
            model=NamedModel("worker"), judge=NamedModel("judge"), clock=self.clock,
            tools_for=lambda opened: GuardedToolsRead(
                EchoTools(), security=SECURITY, egress=Egress(()), entrusted=Entrusted.of(opened.secrets)
            ),
            recognise=lambda token: slices.recognised(token, keys=lambda: (KEY.public_key(),), clock=self.clock),
        )  # fmt: skip

    def request(self, **changed: Any) -> ModelRequest:
        asked = ModelRequest(prompt="p", instructions="i", data={"x": 1}, output={}, task_id=self.mine.task.id,
                             agent_id=self.mine.task.agent_id, cost_micros_max=10)  # fmt: skip
        return replace(asked, **changed)

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncGenerator[GatewayLine]:
        async with self.gateway.listening("127.0.0.1", 0) as (host, port):
            line = GatewayLine(host, port)
            try:
                yield line
            finally:
                await line.close()


async def test_a_worker_gets_answers_for_its_own_tasks_many_at_once() -> None:
    house = House()
    async with house.line() as line:
        model, tools = GatewayModel(line, lambda _: house.token), GatewayTools(line, house.token)
        answers = await asyncio.gather(*(model.complete(house.request(data={"x": one})) for one in range(50)))
        assert [one.text for one in answers] == [f"worker {one}" for one in range(50)]
        told = await tools.call("read", {"about": "tea"}, agent_id=house.mine.task.agent_id)
        assert (told.content["about"], told.content["for"]) == ("tea", house.mine.task.agent_id)
        with pytest.raises(Missing, match="agent_unknown"):
            await model.complete(house.request(prompt="fail"))


async def test_a_stolen_token_reaches_nothing_beyond_its_slice() -> None:
    house = House()
    other_task, other_agent = house.others.task.id, house.others.task.agent_id
    forged = slices.signed((house.others,), key=OTHER, clock=house.clock)
    claims = {"iss": slices.ISSUER, "aud": slices.AUDIENCE, "exp": 9_999_999_999, "tasks": {other_task: other_agent}}
    unsigned = jwt.encode(claims, "", algorithm="none")
    shared = jwt.encode(claims, "secret" * 8, algorithm="HS256")
    async with house.line() as line:

        async def ask(token: str, request: ModelRequest, kind: str = "model") -> None:
            await GatewayModel(line, lambda _: token, kind=kind).complete(request)

        theirs = house.request(task_id=other_task, agent_id=other_agent)
        for token, request, kind in (
            (house.token, theirs, "model"),
            (house.token, house.request(task_id=other_task), "model"),
            (house.token, house.request(agent_id=other_agent), "model"),
            (forged, theirs, "model"), (unsigned, theirs, "model"), (shared, theirs, "model"),
            ("", theirs, "model"), ("a.b.c", theirs, "model"), (house.token[:-4] + "AAAA", house.request(), "model"),
        ):  # fmt: skip
            with pytest.raises(Refused, match="slice_refused"):
                await ask(token, request, kind)
        with pytest.raises(Refused, match="slice_refused"):
            await GatewayTools(line, house.token).call("read", {}, agent_id=other_agent)
        # Only managers judge, and there is nothing else at this door.
        for kind in ("judge", "publish", "grant", ""):
            with pytest.raises(Invalid, match="message_malformed"):
                await ask(house.token, house.request(), kind)


async def test_a_token_ends_with_its_time_although_it_was_looked_at_before() -> None:
    house = House()
    async with house.line() as line:
        model = GatewayModel(line, lambda _: house.token)
        await model.complete(house.request())
        await house.clock.sleep(slices.SECONDS_MAX + 1)
        with pytest.raises(Refused, match="slice_refused"):
            await model.complete(house.request())


async def test_a_manager_judges_whatever_is_its_to_judge_with_its_own_token_and_calls_no_tool() -> None:
    house = House()
    own = ManagersPass(key=KEY, clock=house.clock)
    forged = ManagersPass(key=OTHER, clock=house.clock)
    async with house.line() as line:
        judge = GatewayModel(line, lambda _: own.token(), kind="judge")
        assert (await judge.complete(house.request())).text == "judge 1"
        assert (await judge.complete(house.request(task_id=house.others.task.id))).text == "judge 1"
        with pytest.raises(Refused, match="slice_refused"):
            await GatewayTools(line, own.token()).call("read", {}, agent_id=house.mine.task.agent_id)
        with pytest.raises(Refused, match="slice_refused"):
            await GatewayModel(line, lambda _: forged.token(), kind="judge").complete(house.request())


async def test_a_managers_token_is_signed_anew_before_it_is_over() -> None:
    house = House()
    own = ManagersPass(key=KEY, clock=house.clock)
    async with house.line() as line:
        judge = GatewayModel(line, lambda _: own.token(), kind="judge")
        first = own.token()
        assert own.token() is first
        for _ in range(8):
            await house.clock.sleep(slices.MANAGERS_SECONDS / 4)
            assert (await judge.complete(house.request())).text == "judge 1"
        assert own.token() != first
        with pytest.raises(Refused, match="slice_refused"):
            await GatewayModel(line, lambda _: first, kind="judge").complete(house.request())


async def test_what_a_slice_was_trusted_with_does_not_leave_through_a_read_tool() -> None:
    house = House()
    secret = Material(name="letter", content={"text": "the vault stands behind the 7th door"}, labels=(SECRET,))
    token = slices.signed((replace(house.mine, materials=(secret,)),), key=KEY, clock=house.clock)
    async with house.line() as line:
        tools = GatewayTools(line, token)
        with pytest.raises(Refused, match="egress_refused"):
            await tools.call("read", {"q": "the vault stands behind the 7th door"}, agent_id=house.mine.task.agent_id)


async def test_a_gateway_that_is_away_is_unavailable_and_then_there_again() -> None:
    house = House()
    async with house.line() as line:
        model = GatewayModel(line, lambda _: house.token)
        await model.complete(house.request())
    with pytest.raises(Unavailable, match="gateway_unreachable"):
        await model.complete(house.request())
    async with house.gateway.listening("127.0.0.1", line._port):
        assert (await model.complete(house.request())).text == "worker 1"
    await line.close()


async def test_what_is_no_frame_is_hung_up_on_and_hurts_nobody() -> None:
    house = House()
    async with house.line() as line, house.gateway.listening("127.0.0.1", 0) as (host, port):
        for sent in (b"\xff\xff\xff\xff", (FRAME_BYTES_MAX + 1).to_bytes(4, "big"), b"\x00\x00\x00\x03abc", b"GET / "):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(sent)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()
        assert (await GatewayModel(line, lambda _: house.token).complete(house.request())).text == "worker 1"


async def test_bodies_of_another_shape_are_said_to_be_so() -> None:
    house = House()
    for kind, body in (("model", {}), ("model", {"prompt": 1}), ("tool", {"tool": 1}), ("tool", {})):
        call = Call(number=1, token=house.token, kind=kind, body=msgspec.Raw(msgspec.msgpack.encode(body)))
        reply = await house.gateway.answer(call)
        assert reply.error is not None
        assert reply.error[:2] == ("Invalid", "message_malformed")


@pytest.mark.requirement("R-A5")
async def test_what_was_tried_in_vain_comes_over_the_line() -> None:
    """By it a manager knows whether anybody answered, what holds work back, and what it has cost."""
    house = House()
    async with house.line() as line:
        with pytest.raises(ModelsFailed, match="models_failed") as failed:
            await GatewayModel(line, lambda _: house.token).complete(house.request(prompt="try"))
    assert failed.value.tries == TRIED


class HangingGateway:
    """Answers who asks whether it is there, until it hangs; nothing else, ever."""

    def __init__(self) -> None:
        self.hangs = False

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames = Frames(reader, Call)
        while calls := await frames.next():
            for call in calls:
                if call.kind == ALIVE and not self.hangs:
                    writer.write(framed(Reply(number=call.number)))
        writer.close()


async def test_a_gateway_that_hangs_is_hung_up_on_and_one_that_thinks_long_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    house, gateway = House(), HangingGateway()
    server = await asyncio.start_server(gateway.converse, "127.0.0.1", 0)
    line = GatewayLine("127.0.0.1", server.sockets[0].getsockname()[1], look_seconds=0.02)
    model = GatewayModel(line, lambda _: house.token)
    asking = [asyncio.create_task(model.complete(house.request())) for _ in range(3)]
    try:
        # Ten times as long as a silence may last.
        done, _ = await asyncio.wait(asking, timeout=1)
        assert done == set()
        assert await line.stands()
        gateway.hangs = True
        async with asyncio.timeout(5):
            for one in asking:
                with pytest.raises(Unavailable, match="it says nothing"):
                    await one
        assert capsys.readouterr().out.count("the gateway does not answer") == 1
        gateway.hangs = False
        assert await line.stands()
        assert "the gateway answers again" in capsys.readouterr().out
    finally:
        await line.close()
        server.close()


async def test_a_stopped_gateways_kernel_takes_connections_and_all_who_ask_wait_for_one_try() -> None:
    house = House()
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        line = GatewayLine("127.0.0.1", nobody.getsockname()[1])
        model = GatewayModel(line, lambda _: house.token)
        async with asyncio.timeout(CONNECT_SECONDS_MAX + 2):
            found = await asyncio.gather(*(model.complete(house.request()) for _ in range(3)), return_exceptions=True)
            assert [getattr(one, "code", "") for one in found] == ["gateway_unreachable"] * 3
        await line.close()
