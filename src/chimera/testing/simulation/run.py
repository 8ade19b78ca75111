"""One seed, one run: trouble for a while, then calm, then judgement. The same seed gives the same run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import random
from collections.abc import Generator, MutableMapping
from typing import Any

import structlog
from msgspec import Struct

from chimera.domain.grant import Performance
from chimera.domain.task import Task
from chimera.testing.simulation.assembly import Keeper
from chimera.testing.simulation.ending import is_at_rest, judge_ending
from chimera.testing.simulation.odds import draw
from chimera.testing.simulation.people import People
from chimera.testing.simulation.processes import own_tasks
from chimera.testing.simulation.witness import Violation
from chimera.testing.simulation.world import House, World, build_house
from chimera.testing.virtual_loop import Deadlock, Simulated, UnexpectedError, run_virtually

CALM_ROUNDS_MAX = 60
# Longer than a lease, and, all together, than a grant or a review.
_JUMPS_SECONDS = (0.0, 130.0, 0.0, 130.0, 1_000.0)
_REVIEW_JUMP_SECONDS = 25 * 3600.0


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of a seed. `violation` is empty when every invariant held."""

    seed: int
    violation: str = ""
    step: int = 0
    trace: tuple[str, ...] = ()
    tasks: int = 0
    deeds: int = 0
    events: int = 0
    states: dict[str, int] = {}
    digest: str = ""


def run_seed(seed: int) -> Outcome:
    """The whole of it."""
    held: list[World] = []
    try:
        with _quiet(held):
            return run_virtually(functools.partial(_run, held=held, house=_house()), seed=seed)
    except (Deadlock, UnexpectedError) as error:
        first = held[0].violation or f"0 nothing breaks: {type(error).__name__}: {error}"
        return _outcome(held[0], seed, str(first))


@functools.cache
def _house() -> House:
    return build_house()


async def _run(simulated: Simulated, *, held: list[World], house: House) -> Outcome:
    own_tasks(simulated.loop)
    world = World(simulated, house, draw(random.Random(f"{simulated.seed}:draw")))
    held.append(world)
    try:
        await _story(world)
    except Violation as violation:
        world.found(violation)
    return _outcome(world, simulated.seed, str(world.violation or ""))


async def _story(world: World) -> None:
    keeper = Keeper(world)
    people = People(world, keeper)
    await people.install()
    background = [asyncio.create_task(keeper.run())]
    background += [asyncio.create_task(people.review(f"person-{n}")) for n in range(world.draw.size.people)]
    troubles = [
        people.open_campaigns(),
        people.write_mentions(),
        people.change_things(),
        _second_manager(world, keeper),
    ]
    try:
        await _until_stopped(world, asyncio.gather(*troubles))
        await _until_stopped(world, asyncio.create_task(world.clock.sleep(world.draw.size.seconds)))
        if world.violation is None:
            await _calm(world, people)
        if world.violation is None:
            judge_ending(world)
            keeper.judge_processes()
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)


async def _second_manager(world: World, keeper: Keeper) -> None:
    if world.draw.second_manager:
        await world.clock.sleep(world.draw.size.seconds / 2)
        keeper.start_second_manager()


async def _until_stopped(world: World, work: asyncio.Future[Any]) -> None:
    stopped = asyncio.create_task(world.stopped.wait())
    await asyncio.wait((work, stopped), return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if work.done():
        return work.result()
    work.cancel()
    await asyncio.wait((work,))


async def _calm(world: World, people: People) -> None:
    """No more faults, no more halts; time runs on until nothing moves, then until nobody will rule any more."""
    world.witness.note("from here on nothing goes wrong")
    for fate in world.fates:
        fate.calm()
    world.network.scenario = world.draw.calm_scenario
    await people.let_go_on()
    await _rest(world, people)
    world.clock.jump(_REVIEW_JUMP_SECONDS)
    await world.clock.sleep(8.0)
    await _rest(world, people)


async def _rest(world: World, people: People) -> None:
    for number in range(CALM_ROUNDS_MAX):
        await world.clock.sleep(4.0)
        await people.pay_again()
        if world.stopped.is_set() or is_at_rest(world):
            return
        world.clock.jump(_JUMPS_SECONDS[number % len(_JUMPS_SECONDS)])


def _outcome(world: World, seed: int, violation: str) -> Outcome:
    books = world.witness.books
    states: dict[str, int] = {}
    for task in books.all(Task).values():
        states[str(task.state)] = states.get(str(task.state), 0) + 1
    digest = "".join(chain.hash.hex()[:8] for _, chain in sorted(world.database.chains.items()))
    return Outcome(
        seed=seed,
        violation=violation,
        step=books.steps,
        trace=books.last() if violation else (),
        tasks=len(books.all(Task)),
        deeds=len(world.network.records()),
        events=sum(chain.seq for chain in world.database.chains.values()),
        states=states | {"performances": len(books.all(Performance))},
        digest=digest,
    )


@contextlib.contextmanager
def _quiet(held: list[World]) -> Generator[None]:
    """Logs say nothing here; an exception that the system only logged is a violation."""

    def listen(_logger: object, method: str, entry: MutableMapping[str, Any]) -> str:
        if method == "exception" and held:
            held[0].found(Violation("0 nothing breaks", f"{entry.get('event')}: {entry}"))
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[structlog.processors.format_exc_info, listen])
    try:
        yield
    finally:
        structlog.configure(**before)
