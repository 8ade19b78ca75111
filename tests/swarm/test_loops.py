"""How loops go round: they survive what passes, and stop when somebody else owns the work."""

from __future__ import annotations

import asyncio

import pytest

from chimera.domain.errors import Conflict, Unavailable
from chimera.swarm.bell import Bell
from chimera.swarm.loops import forever, patiently
from chimera.testing.virtual_loop import Deadlock, Simulated, UnexpectedError, run_virtually

pytestmark = pytest.mark.requirement("R-A4", "R-A6")


def test_what_passes_is_survived_with_growing_patience() -> None:
    async def main(simulated: Simulated) -> float:
        left = [Unavailable("store_away", "away")] * 6

        async def act() -> str:
            if left:
                raise left.pop()
            return "done"

        assert await patiently("test", act, clock=simulated.clock) == "done"
        return simulated.loop.time()

    assert run_virtually(main, seed=1) == pytest.approx(0.05 + 0.1 + 0.2 + 0.4 + 0.8 + 1.6)


def test_whoever_was_fenced_stops() -> None:
    async def main(simulated: Simulated) -> None:
        async def fenced() -> bool:
            raise Conflict("writer_fenced", "opened anew")

        bell = Bell(simulated.clock)
        with pytest.raises(Conflict):
            await forever("test", once=fenced, bell=bell, clock=simulated.clock, idle_seconds=1.0)

    run_virtually(main, seed=1)


def test_a_bell_wakes_and_so_does_time() -> None:
    async def main(simulated: Simulated) -> list[float]:
        bell, woken = Bell(simulated.clock), []
        asyncio.get_running_loop().call_later(2.0, bell.ring)
        for _ in range(2):
            await bell.wait(seconds_max=5.0)
            woken.append(simulated.loop.time())
        return woken

    assert run_virtually(main, seed=1) == pytest.approx([2.0, 7.0])


def test_who_finds_nothing_looks_less_often_until_somebody_rings_or_there_is_work() -> None:
    async def main(simulated: Simulated) -> list[float]:
        bell, looked = Bell(simulated.clock), list[float]()

        async def once() -> bool:
            looked.append(simulated.loop.time())
            return len(looked) == 9

        asyncio.get_running_loop().call_later(4.0, bell.ring)
        looking = asyncio.create_task(
            forever("test", once=once, bell=bell, clock=simulated.clock, idle_seconds=0.2, idle_seconds_max=0.8)
        )
        await asyncio.sleep(6.0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        return looked

    expected = [0.0, 0.2, 0.6, 1.4, 2.2, 3.0, 3.8, 4.0, 4.2, 4.2, 4.4, 4.8, 5.6]
    assert run_virtually(main, seed=1) == pytest.approx(expected)


# ── virtual time itself ─────────────────────────────────────────────────────────────────────────────────────────────


def test_an_hour_takes_no_time_and_one_seed_gives_one_run() -> None:
    async def main(simulated: Simulated) -> tuple[float, str, float]:
        await simulated.clock.sleep(3_600)
        return simulated.loop.time(), simulated.ids.new(), simulated.dice("x").random()

    assert run_virtually(main, seed=5) == run_virtually(main, seed=5)
    assert run_virtually(main, seed=5) != run_virtually(main, seed=6)


def test_waiting_for_nobody_is_a_deadlock() -> None:
    async def main(simulated: Simulated) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run_virtually(main, seed=1)


def test_an_exception_that_nobody_fetches_fails_the_run() -> None:
    async def main(simulated: Simulated) -> None:
        async def broken() -> None:
            raise ValueError("oops")

        running = asyncio.create_task(broken())
        await simulated.clock.sleep(1)
        del running

    with pytest.raises(UnexpectedError, match="oops"):
        run_virtually(main, seed=1)


@pytest.mark.parametrize("answer", ["a result", "a fault"])
def test_whoever_is_told_to_end_ends_though_a_driver_took_the_word_for_itself(answer: str) -> None:
    async def main(simulated: Simulated) -> int:
        rounds = 0

        async def swallows() -> bool:
            nonlocal rounds
            rounds += 1
            try:
                await simulated.clock.sleep(1.0)
            except asyncio.CancelledError:
                if answer == "a fault":
                    raise Unavailable("store_away", "the connection is gone") from None
            return True

        bell = Bell(simulated.clock)
        looping = asyncio.create_task(
            forever("test", once=swallows, bell=bell, clock=simulated.clock, idle_seconds=1.0)
        )
        await simulated.clock.sleep(2.5)
        looping.cancel()
        async with asyncio.timeout(5):
            await asyncio.gather(looping, return_exceptions=True)
        assert looping.cancelled()
        return rounds

    assert run_virtually(main, seed=1) == 3
