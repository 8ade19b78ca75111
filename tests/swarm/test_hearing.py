"""Judging in the swarm: whatever a worker hands in, one change follows, its cost is booked, and its lease ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from chimera.domain import scopes
from chimera.domain.attempt import Attempt
from chimera.domain.budget import Hold
from chimera.domain.costing import read_fees
from chimera.domain.draft import Call, Draft
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.grant import Grant
from chimera.domain.granted import Granted
from chimera.domain.review import Review
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Assignment, Result
from chimera.governance.confidences import TELLS_OTHERS
from chimera.governance.second_thoughts import DOUBT
from chimera.governance.treasury import Treasury
from chimera.pipeline.judge import Judge
from chimera.pipeline.sealing import Sealing
from chimera.ports.sealer import Sealer
from chimera.swarm.bell import Bell
from chimera.swarm.choosing import Choosing
from chimera.swarm.claiming import LEASE_SECONDS, Claiming
from chimera.swarm.concluding import Concluding
from chimera.swarm.court import Court
from chimera.swarm.ending import Ending
from chimera.swarm.forsaking import LEASES_LOST_MAX, Forsaking
from chimera.swarm.judging import Judging
from chimera.swarm.leased import Leased
from chimera.swarm.preparing import Preparing
from chimera.swarm.reserving import Reserving
from chimera.swarm.roster import Roster
from tests.small_house import CONTRACTS, GATE, PROMPTS, SPECS, TEXT, SmallHouse, a_note, a_payment, a_post
from tests.small_work import ACCEPTED, SayingModel, draft

pytestmark = pytest.mark.requirement("R-A1", "R-A4", "R-D8")


class HandedIn:
    """Implements `ports.dispatch.Dispatch`: keeps what is sent, and gives back what a test hands in."""

    def __init__(self) -> None:
        self.sent: list[Assignment] = []
        self.done: asyncio.Queue[Result] = asyncio.Queue()

    @property
    def room(self) -> int:
        return 8

    async def send(self, assignments: Sequence[Assignment]) -> None:
        self.sent.extend(assignments)

    async def results(self) -> tuple[Result, ...]:
        return (await self.done.get(),)

    async def close(self) -> None:
        return


class Bench:
    """A manager's claiming and judging, one round at a time."""

    def __init__(
        self, house: SmallHouse, *, judge: str | ChimeraError = ACCEPTED, models_cost: bool = False, fees: str = "",
        sealer: Sealer | None = None,
    ) -> None:  # fmt: skip
        self.house = house
        self.dispatch = HandedIn()
        roster = Roster(reads=house.manager, clock=house.clock)
        court = Court(
            judge=Judge(model=SayingModel(judge), contracts=CONTRACTS, prompt=PROMPTS["judge"]), gate=GATE,
            treasury=Treasury(), contracts=CONTRACTS, clock=house.clock, models_cost=models_cost,
            fees=read_fees(fees),
        )  # fmt: skip
        self.reserving = Reserving(store=house.manager, court=court)
        self.leased = Leased(store=house.manager, clock=house.clock, held=self.reserving.of)
        self.claiming = Claiming(
            store=house.manager, dispatch=self.dispatch, roster=roster, shards=range(256), clock=house.clock,
            preparing=Preparing(Ending(store=house.manager, clock=house.clock),
                                Forsaking(store=house.manager, court=court),
                                self.leased,
                                Choosing(store=house.manager, roster=roster, specs=SPECS, treasury=Treasury()),
                                self.reserving),
        )  # fmt: skip
        self.granted: list[Granted] = []
        self.concluding = Concluding(
            sealing=Sealing(sealer=sealer or house.vault, store=house.manager, clock=house.clock, ids=house.ids),
            settle=house.settle, store=house.manager, court=court, later=self.granted.append,
        )  # fmt: skip
        self.judging = Judging(
            court=court, store=house.manager, dispatch=self.dispatch, claiming=self.claiming,
            reserving=self.reserving, roster=roster, ready=Bell(house.clock), concluding=self.concluding,
        )  # fmt: skip

    async def hear(
        self, made: Draft | None, *, spec: str = "copy.post", failure: str = "", cost: int = 500,
        input_id: str | None = None, besides: tuple[Call, ...] = (),
    ) -> Task:  # fmt: skip
        """Lease a task, hand a result in, and see what has become of it."""
        task = await self.house.a_task(spec=spec, state=TaskState.READY, attempt=0, input_id=input_id)
        await self.claiming.once()
        await self.hand_in(self.result_of(made, failure=failure, cost=cost, besides=besides))
        return await self.house.manager.get(Task, task.id)

    def result_of(
        self, made: Draft | None, *, failure: str = "", cost: int = 500, besides: tuple[Call, ...] = ()
    ) -> Result:
        """What comes of the task that was sent last."""
        leased = self.dispatch.sent[-1].task
        calls = (Call(kind="model", name="m", request_digest="", answer="", cost_micros=cost), *besides)
        return Result(task_id=leased.id, task_version=leased.version, draft=made, failure=failure, calls=calls)

    async def hand_in(self, result: Result) -> None:
        self.dispatch.done.put_nowait(result)
        await self.judging.once()
        while self.judging._hearings:
            await asyncio.sleep(0)


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


async def spent(house: SmallHouse) -> int:
    window = await house.window()
    return window.spent_micros + window.overrun_micros


async def test_a_good_draft_is_granted_with_its_hold(house: SmallHouse) -> None:
    task = await Bench(house).hear(draft(TEXT, action=a_post()))
    assert task.state is TaskState.GRANTED
    assert (await house.window()).held_micros == 1_000
    assert await spent(house) == 1_000  # 500 for the worker's answer, 500 for the judge's


@pytest.mark.requirement("R-D6")
async def test_what_another_persona_keeps_is_not_told(house: SmallHouse) -> None:
    kept = "Sell the old consoles quietly before the new ones are announced in spring."
    grace = msgspec.structs.replace(house.an_agent("grace"), goals=(kept,))
    await house.put(grace)
    bench = Bench(house)
    await bench.judging._roster.load()
    task = await bench.hear(draft(f"{kept} {TEXT}", action=a_post(text=f"{kept} {TEXT}")))
    assert task.state is TaskState.READY, "it is to be mended"
    (attempt,) = await house.manager.list(Attempt, scope=task.id)
    assert attempt.verdict.findings == (TELLS_OTHERS,)
    assert (await bench.hear(draft(TEXT, action=a_post()))).state is TaskState.GRANTED


async def test_over_budget_is_denied_with_its_cost_on_record(house: SmallHouse) -> None:
    from_worker = draft(TEXT, action=a_post())
    task = await Bench(house, fees="*=6").hear(from_worker)
    assert task.state is TaskState.REFUSED
    assert "room for" in task.reason
    assert (await house.window()).held_micros == 0
    assert await spent(house) == 1_000
    assert len(await house.manager.list(Attempt, scope=task.id)) == 1


@pytest.mark.requirement("R-E7", "R-D8")
async def test_what_a_post_costs_is_not_for_its_worker_to_say(house: SmallHouse) -> None:
    task = await Bench(house, fees="*=0.25").hear(draft(TEXT, action=a_post(cost_micros=0)))
    assert task.state is TaskState.GRANTED
    grant = await house.manager.get(Grant, task.grant_id or "")
    assert (grant.action.cost_micros, grant.action.category) == (250_000, "platform_fee")
    assert (await house.manager.get(Hold, grant.hold_id or "")).amount_micros == 250_000


@pytest.mark.requirement("R-N1")
@pytest.mark.parametrize("account", ["grace", "", "ADA"])
async def test_a_worker_that_acts_as_another(house: SmallHouse, account: str) -> None:
    task = await Bench(house).hear(draft(TEXT, action=a_post(account=account)))
    assert task.state is TaskState.REFUSED
    assert "not an account of this agent" in task.reason


@pytest.mark.parametrize(
    "made",
    [
        draft(TEXT, action=a_payment()), draft(TEXT, action=a_note()), draft("no disclosure, and rather short"),
        msgspec.structs.replace(draft(TEXT), output={"text": 1}), msgspec.structs.replace(draft(TEXT), output={}),
        msgspec.structs.replace(draft(TEXT), output={"text": TEXT, "sources": [], "x": 1.5}),
    ],
)  # fmt: skip
async def test_a_faulty_draft_is_sent_back_with_what_to_mend(house: SmallHouse, made: Draft) -> None:
    task = await Bench(house).hear(made)
    assert (task.state, task.revision) == (TaskState.READY, 1)
    assert task.feedback


UNSTORABLE: dict[str, dict[str, object]] = {
    "an action with a NUL": {"made": draft(TEXT, action=a_post(note="a\x00b"))},
    "an action with half a character": {"made": draft(TEXT, action=a_post(note="\ud800"))},
    "an action with a float": {"made": draft(TEXT, action=a_post(note=1.5))},
    "an output with a NUL": {"made": msgspec.structs.replace(draft(TEXT), output={"text": "a\x00b", "sources": []})},
    "labels with a NUL": {"made": draft(TEXT, action=a_post(), labels=("a\x00",))},
    "a negative cost": {"made": draft(TEXT, action=a_post()), "cost": -5},
    "a failure with a NUL": {"made": None, "failure": "a\x00b"},
    "a failure that costs less than nothing": {"made": None, "failure": "no", "cost": -5},
}


@pytest.mark.parametrize("what", sorted(UNSTORABLE))
async def test_what_cannot_be_recorded_has_failed(house: SmallHouse, what: str) -> None:
    """Or its lease would run out, and it would be worked on and paid for again for ever."""
    task = await Bench(house).hear(**UNSTORABLE[what])  # pyright: ignore[reportArgumentType]
    assert (task.state, task.attempt) == (TaskState.READY, 1)
    assert "cannot be recorded" in task.reason
    assert await house.manager.list(Grant) == ()


async def test_a_task_that_fails_and_fails_is_given_up(house: SmallHouse) -> None:
    bench = Bench(house)
    task = await bench.hear(None, failure="no")
    for _ in range(4):
        house.clock.advance(60)
        if await bench.claiming.once():
            leased = bench.dispatch.sent[-1].task
            await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, failure="no"))
    assert (await house.manager.get(Task, task.id)).state is TaskState.FAILED


@pytest.mark.parametrize("error", [Unavailable("model_away", "away"), Refused("over_budget", "no money left")])
async def test_a_judge_that_gives_no_verdict(house: SmallHouse, error: ChimeraError) -> None:
    task = await Bench(house, judge=error).hear(draft(TEXT, action=a_post()))
    assert (task.state, "no verdict" in task.reason) == (TaskState.READY, True)


def unsure(text: str = TEXT, confidence_bp: int = 7_500) -> Draft:
    return msgspec.structs.replace(draft(text, action=a_post(text=text)), confidence_bp=confidence_bp)


async def again(bench: Bench, task: Task, made: Draft) -> Task:
    """Another draft for a task that was sent back."""
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    assert leased.id == task.id
    await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, draft=made))
    return await bench.house.manager.get(Task, task.id)


@pytest.mark.requirement("R-F4", "R-I1")
async def test_a_doubtful_draft_is_written_anew_once_before_a_person_is_asked(house: SmallHouse) -> None:
    await house.change_agent(rulings=0)
    bench = Bench(house)
    task = await bench.hear(unsure())
    assert (task.state, task.feedback) == (TaskState.READY, (DOUBT,))
    assert await house.manager.list(Review) == () == await house.manager.list(Grant)
    other = f"{TEXT} Said more plainly."
    assert (await again(bench, task, unsure(other))).state is TaskState.HELD
    assert len(await house.manager.list(Review)) == 1
    attempts = await house.manager.list(Attempt, scope=task.id)
    assert all(one.ruling is not None and one.verdict.accepted for one in attempts), (
        "both are kept, as they were judged"
    )
    assert len(attempts) == 2


@pytest.mark.requirement("R-F4", "R-I1")
async def test_a_surer_draft_goes_out_without_a_person(house: SmallHouse) -> None:
    await house.change_agent(rulings=0)
    bench = Bench(house)
    task = await bench.hear(unsure())
    other = f"{TEXT} Said more plainly."
    assert (await again(bench, task, draft(other, action=a_post(text=other)))).state is TaskState.GRANTED


@pytest.mark.requirement("R-F4")
async def test_the_same_bytes_are_no_surer_when_they_come_again(house: SmallHouse) -> None:
    await house.change_agent(rulings=0)
    bench = Bench(house)
    task = await bench.hear(unsure())
    task = await again(bench, task, draft(TEXT, action=a_post()))
    assert task.state is TaskState.HELD
    (review,) = await house.manager.list(Review)
    assert review.question.confidence_bp == 7_500


async def test_a_result_is_taken_once_and_only_under_its_lease(house: SmallHouse) -> None:
    bench = Bench(house)
    task = await bench.hear(draft(TEXT, action=a_post()))
    leased = bench.dispatch.sent[-1].task
    for version in (leased.version, leased.version - 1, leased.version + 1):
        await bench.hand_in(Result(task_id=leased.id, task_version=version, draft=draft(TEXT, action=a_post())))
    assert await house.manager.get(Task, task.id) == task
    assert len(await house.manager.list(Grant)) == 1


async def test_a_result_for_a_lease_that_ran_out(house: SmallHouse) -> None:
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    first = bench.dispatch.sent[-1].task
    house.clock.advance(121)
    await bench.claiming.once()
    await bench.hand_in(Result(task_id=first.id, task_version=first.version, draft=draft(TEXT, action=a_post())))
    assert (await house.manager.get(Task, task.id)).state is TaskState.LEASED
    assert await house.manager.list(Grant) == ()


@pytest.mark.requirement("R-A6")
async def test_a_halt_between_gate_and_commit_grants_nothing(house: SmallHouse) -> None:
    bench = Bench(house)
    await bench.judging._roster.halted()
    await house.halt("fleet")
    task = await house.a_task(state=TaskState.LEASED)
    bench.claiming._out[task.id] = Assignment(
        task=task, persona=house.agent.persona, account="ada", permissions=house.agent.permissions
    )
    await bench.hand_in(Result(task_id=task.id, task_version=task.version, draft=draft(TEXT, action=a_post())))
    assert await house.manager.list(Grant) == ()


async def test_a_low_confidence_becomes_a_review(house: SmallHouse) -> None:
    made = msgspec.structs.replace(draft(TEXT, action=a_post()), confidence_bp=6_000)
    task = await Bench(house).hear(made)
    assert task.state is TaskState.HELD
    assert [review.task_id for review in await house.manager.list(Review)] == [task.id]


@pytest.mark.requirement("R-N2")
async def test_the_words_of_a_stranger_in_a_lying_draft(house: SmallHouse) -> None:
    bench = Bench(house)
    words = "which class should i start with my dear friend"
    task = await house.a_task(
        spec="copy.reply", state=TaskState.READY, attempt=0, labels=("public",),
        input={"platform": "sandbox", "post_id": "p", "author": "@mila", "text": words},
    )  # fmt: skip
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    text = f"{words} [AI persona]"
    action = msgspec.structs.replace(a_post(text), kind="post.reply")
    made = Draft(output={"text": text}, confidence_bp=9_900, labels=(), action=action)
    await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, draft=made))
    assert (await house.manager.get(Task, task.id)).state is TaskState.HELD
    attempt = (await house.manager.list(Attempt, scope=task.id))[0]
    assert "public" in attempt.draft.labels


@pytest.mark.requirement("R-A7")
@pytest.mark.parametrize(("scope", "is_believed"), [
    ("fleet", True), ("tool:timeline", True), ("agent:0197a000-0000-7000-8000-000000000000", False),
    ("campaign:0197a000-0000-7000-8000-000000000000", False),
])  # fmt: skip
async def test_a_halt_that_is_anothers_excuses_no_worker(house: SmallHouse, scope: str, is_believed: bool) -> None:
    """Somewhere something is halted nearly always: a worker that was taken over would wait for it for ever."""
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    await house.halt(scope)
    house.clock.advance(1)
    await bench.hand_in(bench.result_of(None, failure="somebody is halted [halted]"))
    assert (await house.manager.get(Task, task.id)).attempt == (0 if is_believed else 1)


@pytest.mark.requirement("R-A7")
@pytest.mark.parametrize("cost", [10**12, 10**30])
async def test_a_worker_cannot_spend_everybodys_money_by_saying_so(house: SmallHouse, cost: int) -> None:
    task = await Bench(house).hear(draft(TEXT, action=a_post()), cost=cost)
    assert (task.state, task.reason) == (TaskState.READY, "what came cannot be recorded: cost_unbelievable")
    assert await house.manager.windows((f"{scopes.campaign(house.campaign.id)}|total|total",)) == ()


@pytest.mark.requirement("R-A2", "R-A7")
async def test_a_task_that_nobody_ever_hands_in_is_given_up_in_the_end(house: SmallHouse) -> None:
    """A worker that takes everything and never answers, or a task that ends its manager: leases run out."""
    bench = Bench(house)
    behind = await house.a_task(state=TaskState.WAITING, pending=1)
    task = await house.a_task(state=TaskState.READY, attempt=0, opens=(behind.id,))
    for _ in range(100):
        if not await bench.claiming.once():
            break
        house.clock.advance(LEASE_SECONDS + 1)
    after = await house.manager.get(Task, task.id)
    assert (after.state, after.attempt) == (TaskState.FAILED, 1)
    assert after.reason.startswith(f"leased {LEASES_LOST_MAX} times") and after.reason.endswith("[leases_lost]")
    assert (await house.manager.get(Task, behind.id)).state is TaskState.DROPPED
    assert len(bench.dispatch.sent) == LEASES_LOST_MAX


async def with_lost_leases(house: SmallHouse, bench: Bench, *, count: int) -> None:
    """As many managers end, one after the other, while a worker has the task; then it is leased once more."""
    for _ in range(count):
        await bench.claiming.once()
        house.clock.advance(LEASE_SECONDS + 1)
    await bench.claiming.once()


@pytest.mark.requirement("R-A2", "R-A4")
async def test_managers_that_end_one_after_the_other_cost_a_task_no_try(house: SmallHouse) -> None:
    """Its tries are those that failed: as many as without the managers' ends, and between two of them as many ends."""
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    tries = SPECS["copy.post"].limits.attempts_max
    for number in range(1, tries + 1):
        await with_lost_leases(house, bench, count=LEASES_LOST_MAX - 1)
        leased = await house.manager.get(Task, task.id)
        assert (leased.attempt, leased.leases_lost) == (number, LEASES_LOST_MAX - 1)
        said = "the model said nothing of use (the task is tried again by itself) [answer_malformed]"
        await bench.hand_in(bench.result_of(None, failure=said))
        after = await house.manager.get(Task, task.id)
        assert ("is tried again" in after.reason) is (number < tries), "what is given up does not say so"
        assert after.reason.endswith("[answer_malformed]")
        expected = TaskState.READY if number < tries else TaskState.FAILED
        assert (after.state, after.attempt, after.leases_lost) == (expected, number, 0)
        house.clock.advance(60)


@pytest.mark.requirement("R-A2", "R-A4")
async def test_a_postponement_is_no_answer_and_forgets_no_lost_lease(house: SmallHouse) -> None:
    """Whoever takes a task and only ever says that it must wait would have it for ever."""
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await with_lost_leases(house, bench, count=2)
    await house.halt("fleet")
    await bench.hand_in(bench.result_of(None, failure="somebody is halted [halted]"))
    after = await house.manager.get(Task, task.id)
    assert (after.state, after.attempt, after.leases_lost) == (TaskState.READY, 0, 2)


@pytest.mark.requirement("R-A2")
async def test_a_task_with_which_worker_after_worker_ended_is_not_tried_again(house: SmallHouse) -> None:
    task = await Bench(house).hear(None, failure="3 lives of workers ended while they had it [workers_lost]")
    assert (task.state, task.attempt) == (TaskState.FAILED, 1)
