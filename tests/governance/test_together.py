"""Many who ask at once: one question at a time, everybody's answer, and nobody left behind by one who is broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from chimera.domain.errors import Unavailable
from chimera.governance.together import TOGETHER_MAX, Together

pytestmark = pytest.mark.requirement("R-E1")


class Oracle:
    """Doubles numbers, when the test opens the gate; remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.gate = asyncio.Event()
        self.away = False

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.asked.append(list(numbers))
        await self.gate.wait()
        if self.away:
            raise Unavailable("oracle_away", "nobody is there", where="test")
        return [2 * number for number in numbers]


async def begun(together: Together[int, int], numbers: Sequence[int]) -> list[asyncio.Task[int]]:
    """The first is out before the others come."""
    tasks: list[asyncio.Task[int]] = []
    for batch in (numbers[:1], numbers[1:]):
        tasks += [asyncio.create_task(together.ask(number)) for number in batch]
        for _ in range(5):
            await asyncio.sleep(0)
    return tasks


async def test_whoever_waits_rides_on_the_next_question() -> None:
    oracle = Oracle()
    tasks = await begun(Together(oracle.double), range(20))
    oracle.gate.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(20)]
    assert oracle.asked == [[0], list(range(1, 20))]


async def test_no_question_grows_without_limit() -> None:
    oracle = Oracle()
    tasks = await begun(Together(oracle.double), range(TOGETHER_MAX + 3))
    oracle.gate.set()
    assert await asyncio.gather(*tasks) == [2 * number for number in range(TOGETHER_MAX + 3)]
    assert [len(asked) for asked in oracle.asked] == [1, TOGETHER_MAX, 2]


async def test_a_refusal_is_everybodys_and_the_next_question_is_put_again() -> None:
    oracle = Oracle()
    oracle.away = True
    together = Together(oracle.double)
    tasks = await begun(together, range(3))
    oracle.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3
    oracle.away = False
    assert await together.ask(7) == 14


async def test_who_is_broken_off_takes_nobody_along() -> None:
    oracle = Oracle()
    together = Together(oracle.double)
    first, second, third = await begun(together, range(3))
    first.cancel()
    third.cancel()
    await asyncio.gather(first, third, return_exceptions=True)
    oracle.gate.set()
    assert await second == 2
    assert oracle.asked[-1] == [1]


async def test_whoever_is_answered_together_is_woken_together() -> None:
    oracle = Oracle()
    tasks = await begun(Together(oracle.double), range(100))
    oracle.gate.set()
    for _ in range(8):
        await asyncio.sleep(0)
    # Taking turns, the last of them would be at its hundredth by now.
    assert [task.result() for task in tasks] == [2 * number for number in range(100)]


async def test_a_fault_of_ours_leaves_nobody_waiting() -> None:
    async def fewer(numbers: Sequence[int]) -> list[int]:
        return list(numbers)[1:]

    together = Together(fewer)
    answers = await asyncio.gather(*(together.ask(number) for number in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [AssertionError] * 3
