"""Breakers: a scope stops by itself, says why, stays stopped until a person lifts it, and not twice for one cause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chimera.domain import scopes
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.governance.breakers import (
    CONFIDENCE_SAMPLE,
    ERRORS_SAMPLE,
    HARM_MAX,
    HARM_SECONDS,
    LINKS_MAX,
    TAKE_DOWNS_MAX,
    Breakers,
)
from chimera.governance.halts import Halts
from tests.small_house import OTTO, PERMITS, SmallHouse

pytestmark = pytest.mark.requirement("R-E5", "R-A6")
ADA, BEN = "agent-ada", "agent-ben"


class Watched:
    """A house whose history a test writes."""

    def __init__(self) -> None:
        self.house = SmallHouse()
        self.halts = Halts(store=self.house.office, ids=self.house.ids, permits=PERMITS)
        self.breakers = self.another()

    def another(self) -> Breakers:
        """The same after a restart."""
        return Breakers(reads=self.house.office, halts=self.halts)

    async def say(self, kind: EventKind, *, times: int = 1, subject: str = "", **data: object) -> None:
        for _ in range(times):
            self.house.clock.advance(1)
            event = Event(
                kind=kind, subject=subject or self.house.ids.new(), at_us=self.house.clock.now_us(), data=data
            )
            await self.house.manager.commit(Change(events=(event,)))

    async def drafts(self, confidence_bp: int, *, times: int = CONFIDENCE_SAMPLE, agent: str = ADA) -> None:
        await self.say(EventKind.DRAFT_JUDGED, times=times, agent=agent, confidence_bp=confidence_bp)

    async def halted(self) -> frozenset[str]:
        await self.breakers.once()
        return await self.house.office.halted()


@pytest.fixture
def watched() -> Watched:
    return Watched()


Cause = Callable[[Watched], object]
CAUSES: dict[str, tuple[Cause, str, str]] = {
    "confidence": (lambda one: one.drafts(4_900), scopes.agent(ADA), "average confidence of the last 20 tasks is 49"),
    "errors": (
        lambda one: one.say(EventKind.WORK_FAILED, times=ERRORS_SAMPLE, agent=ADA, attempt=2, again=True),
        scopes.agent(ADA),
        "20 of the last 20 tries at work failed",
    ),
    "refusals": (
        lambda one: one.say(EventKind.EFFECT_FAILED, times=ERRORS_SAMPLE, platform="sandbox", later=False),
        "platform:sandbox", "20 of the last 20 acts were refused",
    ),
    "harm": (
        lambda one: one.say(EventKind.ACTION_DENIED, times=HARM_MAX, agent=ADA, reasons=["harm [safety-harm]"]),
        scopes.agent(ADA), "5 of 5 drafts were denied for harm within 10 minutes",
    ),
    "take-downs": (
        lambda one: one.say(EventKind.TAKE_DOWN_ORDERED, times=TAKE_DOWNS_MAX, agent=ADA), scopes.agent(ADA),
        "2 posts had to be taken down",
    ),
}  # fmt: skip


@pytest.mark.parametrize("breaker", CAUSES)
async def test_each_cause_halts_its_scope_with_a_reason_and_a_way_on(watched: Watched, breaker: str) -> None:
    cause, scope, says = CAUSES[breaker]
    await cause(watched)  # type: ignore[misc]
    (halt,) = await watched.breakers.once()
    assert (halt.halted, halt.by) == (scope, f"breaker:{breaker}")
    assert says in halt.reason
    assert f"chimera resume {scope}" in halt.reason
    assert await watched.house.office.halted() == {scope}


@pytest.mark.parametrize("breaker", CAUSES)
async def test_it_survives_a_restart_and_is_not_repeated_once_a_person_has_lifted_it(
    watched: Watched, breaker: str
) -> None:
    cause, scope, _ = CAUSES[breaker]
    await cause(watched)  # type: ignore[misc]
    await watched.breakers.once()
    watched.breakers = watched.another()
    assert await watched.halted() == {scope}
    watched.house.clock.advance(1)
    await watched.halts.resume(scope, by=OTTO)
    watched.breakers = watched.another()
    assert await watched.halted() == frozenset()
    await cause(watched)  # type: ignore[misc]
    assert await watched.halted() == {scope}


async def tried(watched: Watched, *, failed: int, agent: str) -> None:
    """Tasks of which so many tries failed, one after the other, before a draft came; or that were given up."""
    for attempt in range(1, failed + 1):
        await watched.say(EventKind.WORK_FAILED, agent=agent, attempt=attempt, again=attempt < 3)
    if failed < 3:
        await watched.drafts(9_000, times=1, agent=agent)


@pytest.mark.requirement("R-A7")
async def test_a_worker_that_fails_all_it_is_given_halts_nobody(watched: Watched) -> None:
    """Whoever has taken one over is given most first tries, as it is always done; the next try is another's."""
    await watched.say(EventKind.WORK_FAILED, times=3 * ERRORS_SAMPLE, agent=ADA, attempt=1, again=True)
    for _ in range(ERRORS_SAMPLE):
        await tried(watched, failed=1, agent=BEN)
    assert await watched.halted() == frozenset()


async def test_tasks_that_nobody_can_do_halt_their_agent(watched: Watched) -> None:
    for _ in range(ERRORS_SAMPLE // 2):
        await tried(watched, failed=3, agent=ADA)
        await tried(watched, failed=0, agent=BEN)
    # Where a type has one try, the first is the last.
    await watched.say(EventKind.WORK_FAILED, times=ERRORS_SAMPLE, agent=BEN, attempt=1, again=False)
    assert await watched.halted() == {scopes.agent(ADA), scopes.agent(BEN)}


async def test_half_is_enough_and_a_few_say_nothing(watched: Watched) -> None:
    await watched.drafts(5_000)
    await watched.drafts(100, times=CONFIDENCE_SAMPLE - 1, agent=BEN)
    assert await watched.halted() == frozenset()


async def test_one_agents_drafts_say_nothing_of_anothers(watched: Watched) -> None:
    for _ in range(CONFIDENCE_SAMPLE):
        await watched.drafts(1_000, times=1, agent=ADA)
        await watched.drafts(9_900, times=1, agent=BEN)
    assert await watched.halted() == {scopes.agent(ADA)}


async def test_the_newest_count(watched: Watched) -> None:
    await watched.drafts(1_000, times=CONFIDENCE_SAMPLE - 1)
    await watched.halted()
    await watched.drafts(9_000, times=CONFIDENCE_SAMPLE)
    assert await watched.halted() == frozenset()


async def test_a_network_that_is_away_is_no_error_of_ours(watched: Watched) -> None:
    await watched.say(EventKind.EFFECT_FAILED, times=3 * ERRORS_SAMPLE, platform="sandbox", later=True)
    assert await watched.halted() == frozenset()


async def test_half_of_the_acts_may_fail(watched: Watched) -> None:
    for _ in range(ERRORS_SAMPLE):
        await watched.say(EventKind.EFFECT_FAILED, platform="sandbox", later=False)
        await watched.say(EventKind.EFFECT_FINISHED, platform="sandbox")
    assert await watched.halted() == frozenset()


async def test_harm_long_ago_does_not_add_up(watched: Watched) -> None:
    for _ in range(2 * HARM_MAX):
        await watched.say(EventKind.ACTION_DENIED, agent=ADA, reasons=["harm [safety-harm]"])
        watched.house.clock.advance(HARM_SECONDS)
    assert await watched.halted() == frozenset()


async def test_what_the_door_caught_among_many_halts_nobody_and_who_writes_little_else_is_halted(
    watched: Watched,
) -> None:
    for _ in range(2 * HARM_MAX):
        await watched.drafts(9_000, times=6)
        await watched.say(EventKind.ACTION_DENIED, agent=ADA, reasons=["harm [safety-harm]"])
    assert await watched.halted() == frozenset(), "ten of sixty were caught, and nothing got out"
    for _ in range(4 * HARM_MAX):
        await watched.drafts(9_000, times=1)
        await watched.say(EventKind.ACTION_DENIED, agent=ADA, reasons=["harm [safety-harm]"])
    assert await watched.halted() == {scopes.agent(ADA)}


async def test_a_denial_for_another_reason_is_no_harm(watched: Watched) -> None:
    await watched.say(EventKind.ACTION_DENIED, times=HARM_MAX, agent=ADA, reasons=["too low [confidence-too-low]"])
    assert await watched.halted() == frozenset()


async def test_a_flood_is_looked_at_from_its_end(watched: Watched) -> None:
    await watched.drafts(1_000, times=CONFIDENCE_SAMPLE, agent=BEN)
    await watched.say(EventKind.EFFECT_FINISHED, times=LINKS_MAX, platform="sandbox")
    await watched.drafts(1_000)
    assert await watched.halted() == {scopes.agent(ADA)}


async def test_what_is_halted_already_is_left_as_it_is(watched: Watched) -> None:
    ada = (await watched.house.open()).agent.id
    mine = await watched.halts.halt(scopes.agent(ada), by=OTTO, reason="mine")
    await watched.drafts(1_000, agent=ada)
    await watched.halted()
    assert await watched.house.office.list(Halt) == (mine,)


async def test_what_was_sent_back_and_written_better_is_no_doubt(watched: Watched) -> None:
    """A task of a small fleet that is revised three times is one task, by the draft that counted."""
    for _ in range(CONFIDENCE_SAMPLE):
        task = watched.house.ids.new()
        for confidence_bp in (0, 0, 9_000):
            await watched.say(EventKind.DRAFT_JUDGED, subject=task, agent=ADA, confidence_bp=confidence_bp)
    assert await watched.halted() == frozenset()
    for _ in range(3):
        await watched.say(EventKind.DRAFT_JUDGED, subject="one", times=CONFIDENCE_SAMPLE, agent=ADA, confidence_bp=0)
    assert await watched.halted() == frozenset(), "one task that does not succeed is one"
