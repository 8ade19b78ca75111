"""The kill switch: after its row is committed nothing begins in its scope; lifting it lets exactly that scope go on."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.agent import Account
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.halt import IN_FORCE, Halt, HaltState
from chimera.domain.record import next_version
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Result
from chimera.governance.halts import Halts
from chimera.swarm.hearing import HALTED_SECONDS
from chimera.swarm.roster import Roster
from chimera.testing.store_samples import change
from tests.small_house import OLGA, OTTO, PERMITS, TEXT, SmallHouse, a_post, somebody
from tests.small_work import draft
from tests.swarm.test_hearing import Bench

pytestmark = pytest.mark.requirement("R-A6", "R-E5")
UNKNOWN = "01a1ffde-70a3-79eb-8d98-7d5a09dde3da"


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


@pytest.fixture
def halts(house: SmallHouse) -> Halts:
    return Halts(store=house.office, ids=house.ids, permits=PERMITS)


def places(house: SmallHouse) -> list[str]:
    return [scopes.FLEET, scopes.campaign(house.campaign.id), scopes.agent(house.agent.id)]


async def leased(house: SmallHouse) -> int:
    return len(await house.manager.claim(shards=range(256), limit=10, lease_seconds=120))


async def test_nothing_is_leased_in_a_halted_scope(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    for scope in places(house):
        await halts.halt(scope, by=OTTO, reason="a look")
        assert await leased(house) == 0
        await halts.resume(scope, by=OTTO)
    assert await leased(house) == 1


async def test_what_is_planned_already_is_worked_on_in_a_paused_scope(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    for scope in (*places(house), "platform:sandbox"):
        await halts.pause(scope, by=OTTO, reason="a rest")
    assert await house.office.halted() == frozenset(), "a pause is no halt"
    assert await leased(house) == 1


async def test_a_pause_is_seen_by_whoever_plans_until_it_is_lifted(house: SmallHouse, halts: Halts) -> None:
    roster = Roster(reads=house.manager, clock=house.clock)
    paused = await halts.pause("platform:sandbox", by=OTTO, reason="a rest")
    await halts.halt("tool:trends", by=OTTO, reason="odd")
    assert await roster.resting() == {"platform:sandbox", "tool:trends"}
    assert (await halts.resume("platform:sandbox", by=OLGA)).id == paused.id
    house.clock.advance(1)
    assert await roster.resting() == {"tool:trends"}


async def test_a_paused_scope_can_be_halted_and_one_word_lifts_both(house: SmallHouse, halts: Halts) -> None:
    await halts.pause("fleet", by=OTTO, reason="a rest")
    with pytest.raises(Conflict, match="paused already"):
        await halts.pause("fleet", by=OLGA, reason="me too")
    await halts.halt("fleet", by=OLGA, reason="worse than thought")
    with pytest.raises(Conflict, match="halted already"):
        await halts.pause("fleet", by=OTTO, reason="gently")
    await halts.resume("fleet", by=OLGA)
    assert not await house.office.list(Halt, states=IN_FORCE)


@pytest.mark.parametrize("scope", ["tool:trends", "recipient:shop", "category:publishing", "account:x/ada"])
async def test_nothing_is_planned_by_what_cannot_be_paused(halts: Halts, scope: str) -> None:
    with pytest.raises(Invalid, match="cannot be paused"):
        await halts.pause(scope, by=OTTO, reason="a rest")


async def test_another_scope_goes_on(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    other = replace(house.agent, id=house.ids.new(), name="other", version=1)
    beside = replace(house.campaign, id=house.ids.new(), version=1)
    await house.office.commit(change(other))
    await house.office.commit(change(beside))
    for scope in ("platform:nostr", scopes.agent(other.id), scopes.campaign(beside.id)):
        await halts.halt(scope, by=OTTO, reason="a look")
    assert await leased(house) == 1


async def test_an_agent_is_halted_by_its_name(house: SmallHouse, halts: Halts) -> None:
    await house.a_task(state=TaskState.READY)
    halted = await halts.halt(f"agent:{house.agent.name}", by=OTTO, reason="a look")
    assert halted.halted == scopes.agent(house.agent.id)
    assert await leased(house) == 0
    await halts.resume(f"agent:{house.agent.name}", by=OTTO)
    assert await leased(house) == 1


@pytest.mark.parametrize("scope", [
    "agent:nobody", f"agent:{UNKNOWN}", "campaign:nobody", f"campaign:{UNKNOWN}", "platform:nowhere", "tool:nothing",
])  # fmt: skip
async def test_a_halt_of_what_is_not_there_would_be_believed_and_is_refused(halts: Halts, scope: str) -> None:
    with pytest.raises(Missing) as halted:
        await halts.halt(scope, by=OTTO, reason="a look")
    if scope.startswith("tool:"):
        return
    with pytest.raises(Missing) as paused:
        await halts.pause(scope, by=OTTO, reason="a look")
    assert paused.value.message == halted.value.message.replace("a halt would", "a pause would")


async def test_a_network_on_which_an_agent_has_an_account_is_one(house: SmallHouse, halts: Halts) -> None:
    there = (*house.agent.accounts, Account(platform="ours", handle="@ada"))
    await house.office.commit(change(replace(next_version(house.agent), accounts=there)))
    assert (await halts.halt("platform:ours", by=OTTO, reason="a look")).halted == "platform:ours"


async def test_one_halt_at_a_time(house: SmallHouse, halts: Halts) -> None:
    await halts.halt("fleet", by=OTTO, reason="a look")
    with pytest.raises(Conflict):
        await halts.halt("fleet", by=OLGA, reason="me too")
    lifted = await halts.resume("fleet", by=OLGA)
    assert (lifted.state, lifted.by, lifted.lifted_by) == (HaltState.LIFTED, "otto", "olga")
    with pytest.raises(Missing):
        await halts.resume("fleet", by=OLGA)


async def test_twelve_who_halt_at_once_leave_it_halted_and_liftable(house: SmallHouse, halts: Halts) -> None:
    people = [somebody(f"p{n}", "operator") for n in range(12)]
    await asyncio.gather(*(halts.halt("fleet", by=one, reason="now") for one in people), return_exceptions=True)
    assert await house.office.halted() == {"fleet"}
    while await house.office.list(Halt, states=("active",)):
        await halts.resume("fleet", by=OLGA)
    assert await house.office.halted() == frozenset()


@pytest.mark.parametrize("scope", ["", "planet", "agent:", "fleet:1"])
async def test_what_is_no_scope(halts: Halts, scope: str) -> None:
    with pytest.raises(Invalid):
        await halts.halt(scope, by=OTTO, reason="a look")


async def test_a_reason_that_cannot_be_recorded(halts: Halts) -> None:
    with pytest.raises(Invalid):
        await halts.halt("fleet", by=OTTO, reason="a\x00b")


# ── a halt postpones; it does not refuse for good ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scope", ["fleet", "platform:sandbox"])
async def test_a_halt_that_the_gate_sees_postpones(house: SmallHouse, halts: Halts, scope: str) -> None:
    """Nothing is refused for good: the lease is given back, and the work begins again when the halt is lifted."""
    bench = Bench(house)
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await bench.claiming.once()
    leased = bench.dispatch.sent[-1].task
    await halts.halt(scope, by=OTTO, reason="a look")
    house.clock.advance(1)
    made = draft(TEXT, action=a_post())
    await bench.hand_in(Result(task_id=leased.id, task_version=leased.version, draft=made))
    assert (await house.manager.get(Task, task.id)).state is TaskState.READY
    await halts.resume(scope, by=OTTO)
    house.clock.advance(HALTED_SECONDS + 1)
    await bench.claiming.once()
    again = bench.dispatch.sent[-1].task
    assert again.id == task.id
    await bench.hand_in(Result(task_id=again.id, task_version=again.version, draft=made))
    assert (await house.manager.get(Task, task.id)).state is TaskState.GRANTED


async def test_a_halted_tool_is_not_used_and_the_work_waits(house: SmallHouse, halts: Halts) -> None:
    roster = Roster(reads=house.office, clock=house.clock)
    assert await roster.may_use(house.agent.id, "trends")
    for scope in ("tool:trends", scopes.agent(house.agent.id), "fleet"):
        await halts.halt(scope, by=OTTO, reason="a look")
        house.clock.advance(1)
        with pytest.raises(Refused) as refusal:
            await roster.may_use(house.agent.id, "trends")
        assert refusal.value.code == "halted"
        await halts.resume(scope, by=OTTO)
        house.clock.advance(1)
    await halts.halt("tool:web", by=OTTO, reason="a look")
    house.clock.advance(1)
    assert await roster.may_use(house.agent.id, "trends")


async def test_work_that_met_a_halted_tool_waits_and_a_worker_that_says_so_falsely_has_failed(
    house: SmallHouse, halts: Halts
) -> None:
    bench = Bench(house)
    await halts.halt("tool:trends", by=OTTO, reason="a look")
    met = "tool:trends: tool:trends is halted [halted]"
    assert (await bench.hear(None, failure=met)).attempt == 0, "that was no try"
    assert [link.body for link in await house.manager.links("manager-0") if b"TASK_POSTPONED" in link.body]
    await halts.resume("tool:trends", by=OTTO)
    house.clock.advance(1)
    assert (await bench.hear(None, failure=met)).state is TaskState.READY
    assert len([link for link in await house.manager.links("manager-0") if b"TASK_POSTPONED" in link.body]) == 1
