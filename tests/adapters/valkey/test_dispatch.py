"""Both dispatches by the same rules; and the one over Streams when worker processes and the server die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import Counter
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.exceptions import NoPermissionError

from chimera.adapters.local.valkey import RunningValkey, start_valkey
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.valkey.bus import ValkeyBus
from chimera.adapters.valkey.connection import Valkey
from chimera.adapters.valkey.crowd import CAPACITY_MAX, Crowd
from chimera.adapters.valkey.dispatch import StreamDispatch
from chimera.adapters.valkey.host import StreamHost, Work
from chimera.adapters.valkey.slices import Hello, encoded, result_stream, work_stream, worker_rules
from chimera.adapters.valkey.suspects import LOST_MAX
from chimera.domain.work import GATEWAY_AWAY, WORKERS_LOST, Assignment, Result
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


class DyingHost(StreamHost):
    """As one that is killed: it says no goodbye."""

    async def _say_goodbye(self) -> None:
        return


@contextlib.asynccontextmanager
async def worker(
    url: str, name: str, hands: Hands, *, capacity: int = ROOM, life: str = "1", host_of: type[StreamHost] = DyingHost
) -> AsyncGenerator[None]:
    valkey = Valkey(url)
    host = host_of(valkey, ValkeyBus(valkey), name=name, incarnation=life, capacity=capacity,
                   work_with=lambda _: hands.work, process=f"here, process {life}")  # fmt: skip
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


async def test_who_breaks_says_no_goodbye(server: RunningValkey) -> None:
    """What it worked on may be what broke it: those who end in order are not suspected of anything."""

    def break_off(_: str) -> Work:
        raise RuntimeError("nothing of ours")

    valkey = Valkey(server.url)
    host = StreamHost(valkey, ValkeyBus(valkey), name="broken", incarnation="1", capacity=ROOM, work_with=break_off)
    async with manager(server.url) as dispatch:
        running = asyncio.create_task(host.run())
        await until(lambda: dispatch.room > 0)
        await dispatch.send(assignments(1))
        with pytest.raises(RuntimeError, match="nothing of ours"):
            await asyncio.wait_for(running, 30)
        await asyncio.sleep(1.0)
        assert not any(one.has_left for one in dispatch.heard)
    await valkey.close()


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


def failing(hands: Hands, failure: str) -> Hands:
    """Hands that make nothing of what they are given, and say why."""

    async def work(assignment: Assignment) -> Result:
        hands.begun.append((assignment.task.id, assignment.task.version))
        return Result(task_id=assignment.task.id, task_version=assignment.task.version, failure=failure, worker="boss")

    hands.work = work
    return hands


def stopping_at(hands: Hands, task_id: str) -> Hands:
    """Hands that answer at once, and never come to an end with one task."""
    answer = hands.work

    async def work(assignment: Assignment) -> Result:
        if assignment.task.id == task_id:
            hands.begun.append((task_id, assignment.task.version))
            await asyncio.get_running_loop().create_future()
        return await answer(assignment)

    hands.work = work
    hands.let.set()
    return hands


@pytest.mark.requirement("R-A2", "R-A7")
async def test_a_task_that_ends_three_workers_is_given_up_and_no_other_is_blamed(server: RunningValkey) -> None:
    """Twice all of them are lost. Then each goes alone, and only the one with which a third life ends is given up."""
    sent = assignments(6)
    poison = sent[2].task.id
    third, good = stopping_at(Hands(), poison), Hands()
    good.let.set()
    async with manager(server.url) as dispatch:
        for number, hands in enumerate((Hands(), Hands(), third)):
            async with worker(server.url, f"w{number}", hands):
                await until(lambda: dispatch.room > 0)
                if not number:
                    await dispatch.send(sent)
                await until(lambda: poison in {one for one, _ in hands.begun})  # noqa: B023 – awaited in this round
        async with worker(server.url, "good", good):
            results = await gathered(dispatch, 6)
    assert {one.task_id for one in results if one.failure} == {poison}
    given_up = next(one for one in results if one.failure)
    assert given_up.failure.endswith(WORKERS_LOST) and "w2" in given_up.failure and not given_up.worker
    assert poison not in {one for one, _ in good.begun}


@pytest.mark.requirement("R-A7")
async def test_what_one_worker_makes_nothing_of_goes_to_another_under_its_own_name(server: RunningValkey) -> None:
    """And whoever says that all is its boss's word is named by where it wrote."""
    bad, good = failing(Hands(), "the disk is full"), Hands()
    good.let.set()
    async with manager(server.url) as dispatch, worker(server.url, "bad", bad, capacity=64):
        await until(lambda: dispatch.room > 0)
        await dispatch.send(assignments(1))
        (failed,) = await gathered(dispatch, 1)
        assert failed.worker == "bad"
        async with worker(server.url, "good", good, capacity=1):
            await until(lambda: dispatch.room == 65)
            (again,) = assignments(1)
            task = replace(again.task, id=failed.task_id, version=4)
            await dispatch.send([replace(again, task=task)])
            (done,) = await gathered(dispatch, 1)
    assert (done.worker, len(bad.begun), len(good.begun)) == ("good", 1, 1)


@pytest.mark.requirement("R-A7")
async def test_whoever_cannot_reach_the_gateway_is_left_alone_for_a_while(server: RunningValkey) -> None:
    cut_off = failing(Hands(), f"gateway: it does not answer {GATEWAY_AWAY}")
    async with manager(server.url) as dispatch, worker(server.url, "cut-off", cut_off, capacity=2):
        await until(lambda: dispatch.room == 2)
        await dispatch.send(assignments(1))
        await gathered(dispatch, 1)
        assert dispatch.room == 0


def test_a_worker_that_met_a_gateways_restart_is_back_in_a_second_and_one_that_is_cut_off_rests_longer() -> None:
    crowd, now_us, rested = Crowd(), 0, list[int]()
    hello = Hello(incarnation="1", capacity=2, busy=0)
    for _ in range(6):
        crowd.heard("cut-off", hello, now_us=now_us)
        # All that it had comes back with the same word: that is one rest.
        for _ in range(32):
            crowd.rest("cut-off", now_us=now_us)
        since_us = now_us
        while not crowd.room:
            now_us += 250_000
            crowd.heard("cut-off", hello, now_us=now_us)
            crowd.give_up_silent(now_us=now_us)
        rested.append((now_us - since_us) // 1_000_000)
    assert rested == [1, 2, 4, 8, 10, 10]
    crowd.has_rested("cut-off")
    crowd.rest("cut-off", now_us=now_us)
    crowd.give_up_silent(now_us=now_us + 1_000_000)
    assert crowd.room == 2, "whoever has made something begins anew"


def test_whoever_says_that_he_can_carry_everything_is_given_no_more_than_others() -> None:
    crowd = Crowd()
    crowd.heard("thief", Hello(incarnation="1", capacity=10**12, busy=0), now_us=0)
    crowd.heard("honest", Hello(incarnation="1", capacity=8, busy=0), now_us=0)
    assert crowd.room == CAPACITY_MAX + 8
    given: Counter[str] = Counter()
    for _ in range(16):
        life, _ = crowd.with_room()[0]
        crowd.given(life, 1)
        given[life.worker] += 1
    assert given == {"thief": 8, "honest": 8}


@pytest.mark.requirement("R-A2", "R-L2")
async def test_workers_that_are_told_to_end_cost_a_task_nothing_and_are_known_to_have_left(
    server: RunningValkey,
) -> None:
    """Four lives have it, one after the other, and each hands it on at once; one that was killed would have counted."""
    hands = Hands()
    async with manager(server.url) as dispatch:
        for life in range(1, LOST_MAX + 2):
            async with worker(server.url, "one", hands, life=str(life), host_of=StreamHost):
                if life == 1:
                    await until(lambda: dispatch.room > 0)
                    await dispatch.send(assignments(1))
                await until(lambda: len(hands.begun) == life)  # noqa: B023 – awaited in this round
                (heard,) = dispatch.heard
                assert (heard.who, heard.process, heard.has_left) == ("one", f"here, process {life}", False)
                if life > LOST_MAX:
                    hands.let.set()
                    assert [one.draft is not None for one in await gathered(dispatch, 1)] == [True]
            await until(lambda: dispatch.heard[0].has_left)
            assert dispatch.room == 0


def test_what_a_worker_says_of_itself_is_kept_within_bounds() -> None:
    crowd = Crowd()
    hello = Hello(incarnation="1", capacity=2**62, busy=-5, process="\x00\x1b[2J" + "x" * 10_000)
    crowd.heard("stolen\n", hello, now_us=5)
    (heard,) = crowd.heard_of(now_us=2)
    assert (heard.who, heard.about, heard.silent_us) == ("stolen", f"busy with 0 of {CAPACITY_MAX} tasks", 0)
    assert heard.process.startswith("[2Jx")
    assert len(heard.process) < 300
