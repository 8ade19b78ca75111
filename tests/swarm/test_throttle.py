"""Back-pressure from models to admission, by task type: less is sent and nothing new planned of it; others go on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from chimera.domain.campaign import Input
from chimera.domain.draft import Call
from chimera.domain.errors import Unavailable
from chimera.domain.event import EventKind
from chimera.domain.labels import PUBLIC
from chimera.domain.roles import Role
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.domain.work import Result
from chimera.governance.calls import of_tries
from chimera.ports.model import ModelsFailed, Try
from chimera.swarm.answering import Answering
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import LEASE_SECONDS
from chimera.swarm.excuses import EXCUSES_MAX, PAUSE_TIMES_MAX
from chimera.swarm.handing import Handing
from chimera.swarm.hearing import HALTED_SECONDS
from chimera.swarm.planning import POOR_SECONDS, Planning
from chimera.swarm.throttle import LIFTED_US, STEP_US, Throttle, turned_away_by, was_answered, was_asked
from tests.pipeline.test_planner import planner as a_planner
from tests.small_house import SPECS, TEXT, SmallHouse, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-A2", "R-A5")
SLOW, OTHER = "bench.note", "copy.post"


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


def told(*causes: str, task: Task | None = None, models: str = "mmmm") -> Result:
    """What comes back of a task whose models said this, one after the other, to one question."""
    tries = [Try(model=model, cause=cause) for model, cause in zip(models, causes, strict=False)]
    return Result(
        task_id=task.id if task else "", task_version=task.version if task else 0, failure="none",
        calls=of_tries(tries, digest=""),
    )  # fmt: skip


class Out(Counter[str]):
    """How many of each task type are out."""

    def of(self, task_type: str) -> int:
        return self[task_type]


@pytest.mark.parametrize("cause", ["rate-limited", "resting"])
async def test_half_of_what_was_out_and_one_more_for_every_round(house: SmallHouse, cause: str) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 64})
    assert (throttle.most(out.of), throttle.limited) == ({}, frozenset())
    throttle.heard(told(cause), SLOW, out.of)
    assert throttle.limited == {SLOW}
    assert throttle.most(out.of) == {SLOW: 0}, "as many are out as may be, and more"
    out[SLOW] = 0
    assert throttle.most(out.of) == {SLOW: 32}
    for _ in range(32):
        throttle.heard(told("ok"), SLOW, out.of)
        throttle.heard(told("ok"), OTHER, out.of)
    assert throttle.most(out.of) == {SLOW: 33}


async def test_a_crowd_that_is_turned_away_is_one_sign(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 64})
    for _ in range(64):
        throttle.heard(told("rate-limited"), SLOW, out.of)
    assert throttle.most(Out().of) == {SLOW: 32}
    house.clock.advance(STEP_US / 1_000_000)
    throttle.heard(told("rate-limited"), SLOW, Out({SLOW: 32}).of)
    assert throttle.most(Out().of) == {SLOW: 16}


async def test_each_task_type_has_a_limit_of_its_own(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 8, OTHER: 2})
    throttle.heard(told("rate-limited"), SLOW, out.of)
    throttle.heard(told("rate-limited"), OTHER, out.of)
    assert throttle.most(Out().of) == {SLOW: 4, OTHER: 1}


async def test_it_never_closes_and_is_lifted_in_the_end(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 8})
    for _ in range(9):
        throttle.heard(told("rate-limited"), SLOW, out.of)
        house.clock.advance(STEP_US / 1_000_000)
    assert throttle.most(Out().of) == {SLOW: 1}
    house.clock.advance(LIFTED_US / 1_000_000)
    assert (throttle.most(Out().of), throttle.limited) == ({}, frozenset())


@pytest.mark.parametrize(("causes", "models", "by"), [
    (("error",), "a", ""), (("malformed",), "a", ""), (("ok",), "a", ""),
    (("rate-limited", "error"), "ab", "a"),
    (("rate-limited", "ok"), "ab", ""), (("resting", "ok"), "ab", ""),
    (("rate-limited", "ok"), "aa", "a"), (("resting", "rate-limited", "ok"), "abb", "b"),
])  # fmt: skip
async def test_a_model_in_whose_place_another_answers_holds_nothing_back(
    causes: tuple[str, ...], models: str, by: str
) -> None:
    assert turned_away_by(told(*causes, models=models).calls) == frozenset(by)


async def test_it_is_on_record_when_it_begins_while_it_goes_on_and_when_it_is_over(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 8})

    def heard() -> list[tuple[str, str]]:
        events = throttle.to_tell(manager="m")
        assert throttle.to_tell(manager="m") == events, "said again until it is written"
        throttle.told(events)
        assert throttle.to_tell(manager="m") == ()
        return [(event.kind, event.subject) for event in events]

    throttle.heard(told("rate-limited", models="q"), SLOW, out.of)
    (event,) = throttle.to_tell(manager="m")
    assert (event.data["models"], event.data["assignments_at_once"], event.data["manager"]) == (["q"], 4, "m")
    assert event.data["until_us"] > event.at_us + LIFTED_US
    assert heard() == [(EventKind.WORK_HELD_BACK, SLOW)]
    house.clock.advance(LIFTED_US / 1_000_000 - 1)
    throttle.heard(told("rate-limited"), SLOW, out.of)
    house.clock.advance(1)
    assert throttle.most(out.of), "the last sign is a second old"
    assert heard() == [(EventKind.WORK_HELD_BACK, SLOW)]
    house.clock.advance(LIFTED_US / 1_000_000)
    throttle.most(out.of)
    assert heard() == [(EventKind.WORK_LET_GO, SLOW)]


async def many(house: SmallHouse, spec: str, count: int) -> list[Task]:
    return [await house.a_task(spec=spec, state=TaskState.READY, attempt=0) for _ in range(count)]


def sent_by_type(bench: Bench) -> Counter[str]:
    return Counter(one.task.spec.name for one in bench.dispatch.sent)


async def test_others_are_claimed_past_those_that_wait(house: SmallHouse) -> None:
    """Sixteen of the limited type stand first in the queue; what stands behind them goes on all the same."""
    bench = Bench(house)
    await many(house, SLOW, 16)
    await bench.claiming.once()
    assert sent_by_type(bench) == {SLOW: 8}, "as many as its workers have room for"
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    bench.dispatch.sent.clear()
    await many(house, OTHER, 3)
    await bench.claiming.once()
    assert sent_by_type(bench) == {OTHER: 3}, "seven of the limited type are out, four may be"
    assert bench.claiming.held_back == bench.claiming.limited == {SLOW}
    links = await house.manager.links(house.manager.writer)
    (body,) = [link.body.decode() for link in links if b"WORK_HELD_BACK" in link.body]
    assert f'"subject":"{SLOW}"' in body


async def test_who_does_not_come_back_does_not_count_for_ever(house: SmallHouse) -> None:
    bench = Bench(house)
    await many(house, SLOW, 8)
    await bench.claiming.once()
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    assert bench.claiming._out_of(SLOW) == 7
    house.clock.advance(LEASE_SECONDS)
    assert bench.claiming._out_of(SLOW) == 0


def a_planning(house: SmallHouse, bench: Bench) -> Planning:
    roster = bench.judging._roster
    planner, _ = a_planner(house)
    court, claiming = bench.judging._court, bench.claiming
    answering = Answering(planner=planner, court=court, reads=house.manager, roster=roster, claiming=claiming,
                          ready=Bell(house.clock), arrived=Bell(house.clock), shards=range(256))  # fmt: skip
    return Planning(
        planner=planner, court=court, store=house.manager, roster=roster, claiming=claiming, answering=answering,
        handing=Handing(planner=planner, store=house.manager, roster=roster, shards=range(256)), shards=range(256),
    )  # fmt: skip


async def came(house: SmallHouse, kind: str) -> Input:
    one = Input(id=house.ids.new(), campaign_id=house.campaign.id, kind=kind, payload={"text": "a line"},
                labels=(PUBLIC,), threat="LOW", admitted_at_us=house.clock.now_us())  # fmt: skip
    await house.put(one)
    return one


async def test_claiming_and_planning_hold_back_together(house: SmallHouse) -> None:
    """Tasks stay ready and inputs stay admitted while models turn away; later both are taken on."""
    bench = Bench(house)
    tasks, planning = await many(house, SLOW, 16), a_planning(house, bench)
    await bench.claiming.once()
    sent = len(bench.dispatch.sent)
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    slow = await came(house, "bench")
    await bench.claiming.once()
    assert len(bench.dispatch.sent) - sent < 8
    assert not await planning.once()
    assert (await house.manager.get(Input, slow.id)).state == "admitted"
    ready = [one for one in tasks if (await house.manager.get(Task, one.id)).state is TaskState.READY]
    assert ready, "what is not sent waits in the store"
    house.clock.advance(LIFTED_US / 1_000_000)
    while await bench.claiming.once():
        pass
    assert await planning.once()
    await planning._answering.once()
    assert (await house.manager.get(Input, slow.id)).state == "planned"


async def test_what_goes_to_other_models_is_planned_meanwhile(house: SmallHouse) -> None:
    bench = Bench(house)
    planning = a_planning(house, bench)
    await many(house, SLOW, 16)
    await bench.claiming.once()
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    await bench.claiming.once()
    slow, other = await came(house, "bench"), await came(house, "bench_post")
    bench.dispatch.sent.clear()
    assert await planning.once()
    await planning._answering.once()
    states = [(await house.manager.get(Input, one.id)).state for one in (slow, other)]
    assert states == ["admitted", "planned"]


async def test_what_is_planned_of_a_limited_type_does_not_pass_the_queue(house: SmallHouse) -> None:
    """None of it waits, so it is planned; but it is claimed in its turn, and not sent as it is written."""
    bench = Bench(house)
    planning = a_planning(house, bench)
    await many(house, SLOW, 4)
    await bench.claiming.once()
    await bench.hand_in(told("rate-limited", task=bench.dispatch.sent[0].task))
    for one in bench.dispatch.sent[1:]:
        await house.put(one.task.after(TaskCommand.DROP), by=Role.MANAGER)
        await bench.hand_in(told("ok", task=one.task))
    house.clock.advance(LIFTED_US / 1_000_000 / 2)
    await bench.claiming.once()
    bench.dispatch.sent.clear()
    assert (bench.claiming.limited, bench.claiming.held_back) == ({SLOW}, frozenset())
    for _ in range(4):
        await came(house, "bench")
    assert await planning.once()
    await planning._answering.once()
    assert sent_by_type(bench) == {}
    await bench.claiming.once()
    assert 1 <= sent_by_type(bench)[SLOW] < 4


async def test_a_planner_that_is_turned_away_waits_too(house: SmallHouse) -> None:
    planning = a_planning(house, Bench(house))
    asked: list[str] = []

    async def plan() -> tuple[Task, ...]:
        asked.append("again")
        raise ModelsFailed((Try(model="m", cause="rate-limited"),))

    await planning._planned(house.campaign, plan)
    assert not planning._is_time(house.campaign, house.agent)
    house.clock.advance(POOR_SECONDS)
    assert planning._is_time(house.campaign, house.agent)


AWAY = "gateway: the gateway does not answer: refused (see whether it runs) [gateway_unreachable]"
NONE = "models: no model gave an answer (m: resting) (chimera models check says which of them answers) [models_failed]"


@pytest.mark.parametrize("calls", [told("resting").calls, ()])
async def test_where_nobody_was_asked_it_was_no_try(house: SmallHouse, calls: tuple[Call, ...]) -> None:
    """A gateway that is started anew, a provider whose breaker is open: nothing is given up for it."""
    bench, failure = Bench(house), NONE if calls else AWAY
    task = await house.a_task(state=TaskState.READY, attempt=0)
    for _ in range(9):
        await bench.claiming.once()
        leased = bench.dispatch.sent[-1].task
        await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, failure=failure, calls=calls))
        house.clock.advance(60)
    after = await house.manager.get(Task, task.id)
    assert (after.state, after.attempt, after.reason) == (TaskState.READY, 0, failure)
    assert bench.claiming.limited == {"copy.post"}, "so that not all of them are claimed and given back"


def by(worker: str, result: Result) -> Result:
    return replace(result, worker=worker)


async def handed_in_until_it_is_over(house: SmallHouse, bench: Bench, workers: Sequence[str], failure: str) -> int:
    """How often work was handed in that nobody could be asked for, by one worker after the other, until it ended."""
    task = await house.a_task(state=TaskState.READY, attempt=0)
    for number in range(100):
        await bench.claiming.once()
        leased = bench.dispatch.sent[-1].task
        result = Result(task_id=leased.id, task_version=leased.version, failure=failure, calls=told("resting").calls)
        await bench.hand_in(by(workers[number % len(workers)], result))
        if (await house.manager.get(Task, task.id)).is_final:
            return number + 1
        house.clock.advance(PAUSE_TIMES_MAX * HALTED_SECONDS)
    return 0


@pytest.mark.parametrize("failure", [AWAY, NONE])
@pytest.mark.requirement("R-A7")
async def test_one_workers_word_that_nobody_could_be_asked_is_enough_so_many_times(
    house: SmallHouse, failure: str
) -> None:
    """A worker that was taken over says so for ever: its task becomes a dead letter, with what it said as reason."""
    bench = Bench(house)
    attempts_max = SPECS["copy.post"].limits.attempts_max
    assert await handed_in_until_it_is_over(house, bench, ("thief",), failure) == attempts_max * (EXCUSES_MAX + 1)
    (dead,) = await house.manager.list(Task, states=("failed",))
    assert dead.reason == failure


@pytest.mark.parametrize("workers", [("",), ("one", "two")])
async def test_what_two_say_or_this_process_itself_is_no_try_however_often(
    house: SmallHouse, workers: tuple[str, ...]
) -> None:
    bench = Bench(house)
    # Each of the two has spoken once by then; what came before is one's word.
    assert await handed_in_until_it_is_over(house, bench, workers, NONE) == 0
    (task,) = await house.manager.list(Task)
    assert task.attempt == 0


async def test_an_outage_of_35_seconds_gives_up_no_task_even_on_one_workers_word(house: SmallHouse) -> None:
    bench, since_us = Bench(house), house.clock.now_us()
    task = await house.a_task(state=TaskState.READY, attempt=0)
    while house.clock.now_us() < since_us + 35_000_000:
        if await bench.claiming.once():
            leased = bench.dispatch.sent[-1].task
            await bench.hand_in(by("one", Result(task_id=leased.id, task_version=leased.version, failure=AWAY)))
        house.clock.advance(1)
    assert (await house.manager.get(Task, task.id)).attempt == 0


async def test_one_worker_alone_with_a_type_holds_it_back_only_where_nobody_else_works(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 64, OTHER: 64})
    throttle.heard(by("one", told("ok")), OTHER, out.of)
    throttle.heard(by("thief", told("rate-limited")), SLOW, out.of)
    assert throttle.limited == frozenset(), "the other one has not had this type yet"
    throttle.heard(by("one", told("rate-limited")), SLOW, out.of)
    assert throttle.limited == {SLOW}
    alone = Throttle(house.clock)
    alone.heard(by("one", told("rate-limited")), SLOW, out.of)
    assert alone.limited == {SLOW}


async def test_one_worker_of_several_holds_no_task_type_back(house: SmallHouse) -> None:
    throttle, out = Throttle(house.clock), Out({SLOW: 64})
    throttle.heard(by("one", told("ok")), SLOW, out.of)
    throttle.heard(by("thief", told("rate-limited")), SLOW, out.of)
    throttle.heard(by("thief", replace(told(), failure=AWAY)), SLOW, out.of)
    assert throttle.limited == frozenset()
    throttle.heard(by("one", told("rate-limited")), SLOW, out.of)
    assert throttle.limited == {SLOW}, "both say so now"


async def test_a_judge_behind_a_gateway_that_is_away_is_no_try_either(house: SmallHouse) -> None:
    away = Unavailable("gateway_unreachable", "it does not answer", where="gateway", remedy="see whether it runs")
    task = await Bench(house, judge=away).hear(draft(TEXT, action=a_post()))
    assert (task.state, task.attempt) == (TaskState.READY, 0)
    assert "the judge gave no verdict" in task.reason


@pytest.mark.requirement("R-A2")
@pytest.mark.parametrize("cause", ["error", "unreachable", "rate-limited", "died"])
async def test_a_provider_that_is_away_for_a_minute_gives_up_no_task(house: SmallHouse, cause: str) -> None:
    """Three fail before its breaker opens, and one more after each rest: it must not be the same task's last try."""
    bench, since_us = Bench(house), house.clock.now_us()
    task = await house.a_task(state=TaskState.READY, attempt=0)
    while house.clock.now_us() < since_us + 60_000_000:
        if await bench.claiming.once():
            leased = bench.dispatch.sent[-1].task
            calls = told("resting", cause).calls
            await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, failure=NONE, calls=calls))
        house.clock.advance(1)
    assert (await house.manager.get(Task, task.id)).attempt == 0


async def test_a_question_that_brings_its_provider_down_is_no_question_for_ever(house: SmallHouse) -> None:
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    for _ in range(SPECS["copy.post"].limits.attempts_max * (EXCUSES_MAX + 1)):
        await bench.claiming.once()
        leased = bench.dispatch.sent[-1].task
        result = replace(told("error"), failure=NONE)
        await bench.hand_in(replace(result, task_id=leased.id, task_version=leased.version))
        house.clock.advance(PAUSE_TIMES_MAX * HALTED_SECONDS)
    assert (await house.manager.get(Task, task.id)).state is TaskState.FAILED


async def test_a_judge_whose_provider_is_away_is_no_try(house: SmallHouse) -> None:
    away = ModelsFailed((Try(model="j", cause="error", cost_micros=70), Try(model="j", cause="resting")))
    task = await Bench(house, judge=away).hear(draft(TEXT, action=a_post()), cost=500)
    assert (task.state, task.attempt) == (TaskState.READY, 0)
    assert (await house.window()).spent_micros + (await house.window()).overrun_micros == 570, "what it tried costs"


@pytest.mark.parametrize("causes", [("malformed",), ("error", "malformed"), ("rejected",)])
def test_whoever_said_something_has_answered(causes: tuple[str, ...]) -> None:
    assert was_answered(replace(told(*causes), failure=NONE))
    assert not was_answered(replace(told("error", "resting"), failure=NONE))


@pytest.mark.parametrize("causes", [("rate-limited",), ("resting", "unreachable"), ("bad-request",)])
def test_whoever_was_asked_was_tried(causes: tuple[str, ...]) -> None:
    assert was_asked(replace(told(*causes), failure=NONE))
    assert was_asked(replace(told("resting"), failure="the skill broke")), "it failed for another reason"
    assert not was_asked(replace(told("resting", "resting"), failure=NONE))
