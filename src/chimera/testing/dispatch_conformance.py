"""Every rule of `ports.dispatch` as a test. A subclass brings the fixture `bench`, and says what it tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain.draft import Draft
from chimera.domain.labels import TRUSTED
from chimera.domain.work import Assignment, Result
from chimera.ports.dispatch import Dispatch
from chimera.testing.store_samples import PERSONA, Samples

ROOM = 8
SECONDS_MAX = 20.0


class Hands:
    """What the workers of a test do: they wait until they are let, and answer with the task's key."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.begun: list[tuple[str, int]] = []

    async def work(self, assignment: Assignment) -> Result:
        """One result for one assignment."""
        self.begun.append((assignment.task.id, assignment.task.version))
        await self.let.wait()
        draft = Draft(output={"text": assignment.task.key}, confidence_bp=9_000, labels=TRUSTED)
        return Result(task_id=assignment.task.id, task_version=assignment.task.version, draft=draft)


class DispatchBench(Struct):
    """A dispatch whose workers, `ROOM` of them, are these hands."""

    dispatch: Dispatch
    hands: Hands


def assignments(count: int, *, version: int = 2) -> list[Assignment]:
    """Small ones, each of another task."""
    samples = Samples()
    return [
        Assignment(task=replace(samples.task(), version=version), persona=PERSONA, account="@ada", permissions=())
        for _ in range(count)
    ]


async def gathered(dispatch: Dispatch, count: int) -> list[Result]:
    """So many results, in reasonable time."""
    found: list[Result] = []
    async with asyncio.timeout(SECONDS_MAX):
        while len(found) < count:
            found.extend(await dispatch.results())
    return found


async def until(happened: Callable[[], object]) -> None:
    """Wait for it, in reasonable time."""
    async with asyncio.timeout(SECONDS_MAX):
        while not happened():  # noqa: ASYNC110 – what is waited for has no event
            await asyncio.sleep(0.01)


class DispatchConformance:
    """All the rules, on the dispatch of the subclass."""

    async def test_every_assignment_comes_back_once(self, bench: DispatchBench) -> None:
        """More than there is room for in one slice, all at once and one by one."""
        bench.hands.let.set()
        await until(lambda: bench.dispatch.room > 0)
        sent = assignments(ROOM)
        await bench.dispatch.send(sent[:5])
        for one in sent[5:]:
            await bench.dispatch.send((one,))
        results = await gathered(bench.dispatch, len(sent))
        assert sorted(one.task_id for one in results) == sorted(one.task.id for one in sent)
        assert {one.task_version for one in results} == {2}
        assert await _is_silent(bench.dispatch)

    async def test_room_is_what_workers_can_take_on(self, bench: DispatchBench) -> None:
        """It shrinks with what is sent, and grows with what comes back."""
        await until(lambda: bench.dispatch.room == ROOM)
        await bench.dispatch.send(assignments(3))
        assert bench.dispatch.room == ROOM - 3
        bench.hands.let.set()
        await gathered(bench.dispatch, 3)
        await until(lambda: bench.dispatch.room == ROOM)

    async def test_results_wait_until_there_is_one(self, bench: DispatchBench) -> None:
        """Nobody is told of nothing."""
        await until(lambda: bench.dispatch.room > 0)
        await bench.dispatch.send(assignments(1))
        assert await _is_silent(bench.dispatch)
        bench.hands.let.set()
        assert len(await gathered(bench.dispatch, 1)) == 1

    async def test_what_is_under_way_is_given_up_at_the_end(self, bench: DispatchBench) -> None:
        """Closing waits for nobody's work."""
        await until(lambda: bench.dispatch.room > 0)
        await bench.dispatch.send(assignments(2))
        async with asyncio.timeout(SECONDS_MAX):
            await bench.dispatch.close()


async def _is_silent(dispatch: Dispatch) -> bool:
    waiting: Awaitable[Sequence[Result]] = dispatch.results()
    try:
        async with asyncio.timeout(0.2):
            await waiting
    except TimeoutError:
        return True
    return False
