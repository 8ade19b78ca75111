"""Both dispatches by the same rules; and the one over Streams when worker processes and the server die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from redis.exceptions import NoPermissionError

from chimera.adapters.local.valkey import RunningValkey, start_valkey
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.dispatch import StreamDispatch
from chimera.adapters.valkey.host import StreamHost
from chimera.adapters.valkey.slices import encoded, result_stream, work_stream, worker_rules
from chimera.domain.work import Result
from chimera.swarm.pool import Pool
from chimera.testing.dispatch_conformance import (
    ROOM,
    DispatchBench,
    DispatchConformance,
    Hands,
    assignments,
    gathered,
    until,
)

pytestmark = pytest.mark.requirement("R-A7")


class TestPool(DispatchConformance):
    @pytest.fixture
    async def bench(self) -> AsyncGenerator[DispatchBench]:
        hands = Hands()
        pool = Pool(hands.work, workers=ROOM, clock=SystemClock())
        yield DispatchBench(pool, hands)
        await pool.close()


class TestStreams(DispatchConformance):
    @pytest.fixture
    async def bench(self, server: RunningValkey) -> AsyncGenerator[DispatchBench]:
        hands = Hands()
        await server.write_acl({"one": worker_rules("one"), "two": worker_rules("two")})
        async with (
            manager(server.url) as dispatch,
            worker(server.url_of("one"), "one", hands, capacity=ROOM // 2),
            worker(server.url_of("two"), "two", hands, capacity=ROOM // 2),
        ):
            yield DispatchBench(dispatch, hands)


@contextlib.asynccontextmanager
async def manager(url: str, reply: str = "manager-0.1") -> AsyncGenerator[StreamDispatch]:
    valkey = Valkey(url)
    dispatch = StreamDispatch(valkey, ValkeyBus(valkey), reply=reply, token_for=lambda _: "token", clock=SystemClock())
    await dispatch.open()
    try:
        yield dispatch
    finally:
        await dispatch.close()
        await valkey.close()


@contextlib.asynccontextmanager
async def worker(url: str, name: str, hands: Hands, *, capacity: int = ROOM, life: str = "1") -> AsyncGenerator[None]:
    valkey = Valkey(url)
    host = StreamHost(valkey, ValkeyBus(valkey), name=name, incarnation=life, capacity=capacity,
                      work_with=lambda _: hands.work)  # fmt: skip
    running = asyncio.create_task(host.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await valkey.close()


async def test_what_a_dead_worker_had_goes_to_another(server: RunningValkey) -> None:
    slow, quick = Hands(), Hands()
    quick.let.set()
    sent = assignments(6)
    async with manager(server.url) as dispatch:
        async with worker(server.url, "slow", slow):
            await until(lambda: dispatch.room > 0)
            await dispatch.send(sent)
            await until(lambda: len(slow.begun) == 6)
        async with worker(server.url, "quick", quick):
            results = await gathered(dispatch, 6)
    assert sorted(one.task_id for one in results) == sorted(one.task.id for one in sent)
    assert dispatch.resent == 6


async def test_a_worker_that_lives_again_gets_anew_what_its_first_life_had(server: RunningValkey) -> None:
    hands = Hands()
    async with manager(server.url) as dispatch:
        async with worker(server.url, "one", hands, life="1"):
            await until(lambda: dispatch.room > 0)
            await dispatch.send(assignments(3))
            await until(lambda: len(hands.begun) == 3)
        hands.let.set()
        async with worker(server.url, "one", hands, life="2"):
            assert len(await gathered(dispatch, 3)) == 3


async def test_a_flush_in_mid_run_loses_no_work(server: RunningValkey, valkey: Valkey) -> None:
    hands = Hands()
    hands.let.set()
    sent = assignments(400)
    async with manager(server.url) as dispatch, worker(server.url, "one", hands, capacity=64):
        await until(lambda: dispatch.room > 0)
        collecting = asyncio.create_task(gathered(dispatch, len(sent)))
        for start in range(0, len(sent), 40):
            await dispatch.send(sent[start : start + 40])
            await valkey.ask("FLUSHALL")
        results = await collecting
    assert sorted(one.task_id for one in results) == sorted(one.task.id for one in sent)


@pytest.mark.faults
async def test_a_killed_server_loses_no_work_and_doubles_no_result(tmp_path: Path) -> None:
    home, hands = tmp_path / "h", Hands()
    server = await start_valkey(home)
    sent = assignments(40)
    try:
        async with manager(server.url) as dispatch, worker(server.url, "one", hands, capacity=32):
            await until(lambda: dispatch.room > 0)
            await dispatch.send(sent)
            await until(lambda: bool(hands.begun))
            os.kill(server.pid, signal.SIGKILL)
            await server.stop()
            hands.let.set()
            await asyncio.sleep(0.5)
            server = await start_valkey(home)
            results = await gathered(dispatch, len(sent))
    finally:
        await server.stop()
    assert sorted(one.task_id for one in results) == sorted(one.task.id for one in sent)


async def test_a_result_is_taken_only_from_whom_the_task_was_given_to(server: RunningValkey, valkey: Valkey) -> None:
    """A stolen worker can write into its own stream, and say there what it likes."""
    hands = Hands()
    sent = assignments(1)
    forged = Result(task_id=sent[0].task.id, task_version=sent[0].task.version, failure="forged")
    async with (
        manager(server.url) as dispatch,
        worker(server.url, "thief", Hands(), capacity=1),
        worker(server.url, "honest", hands, capacity=8),
    ):
        await until(lambda: dispatch.room == 9)
        await dispatch.send(sent)
        await until(lambda: len(hands.begun) == 1)
        await valkey.ask("XADD", result_stream("thief", "manager-0.1"), "*", "results", encoded((forged,)))
        await valkey.ask("XADD", result_stream("thief", "manager-0.1"), "*", "results", b"\xff not a result")
        hands.let.set()
        taken = await gathered(dispatch, 1)
    assert [one.failure for one in taken] == [""]


async def test_the_user_of_a_worker_reaches_its_own_streams_and_nothing_else(server: RunningValkey) -> None:
    await server.write_acl({"one": worker_rules("one"), "two": worker_rules("two")})
    async with Valkey(server.url_of("one")).redis as own:
        await own.xadd(result_stream("one", "m"), {"results": b""})
        await own.xread({work_stream("one", "1"): "0"})
        for refused in (
            own.xread({work_stream("two", "1"): "0"}),
            own.xread({result_stream("one", "m"): "0"}),
            own.xadd(work_stream("one", "1"), {"slice": b""}),
            own.xadd(result_stream("two", "m"), {"results": b""}),
            own.publish("chimera:hello:two", b""),
            own.publish("chimera:granted", b""),
            own.get("chimera:mark:m"),
            own.keys("*"),
            own.flushall(),
            own.delete(result_stream("one", "m")),
            own.execute_command("ACL", "LIST"),
            own.execute_command("CONFIG", "GET", "*"),
            own.execute_command("CLIENT", "LIST"),
            own.eval("return 1", 0),
        ):
            with pytest.raises(NoPermissionError):
                await refused
