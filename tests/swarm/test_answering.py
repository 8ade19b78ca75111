"""What has just come in goes straight to an idle worker: in its order, once, and past nobody who waits."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from chimera.domain.agent import AgentState
from chimera.domain.campaign import REPLAN, Campaign, CampaignState, Input, InputState
from chimera.domain.draft import Draft
from chimera.domain.labels import PUBLIC, TRUSTED
from chimera.domain.schedule import OpenHours, Schedule
from chimera.domain.task import Task, TaskState
from chimera.governance.adopted import KEPT_MAX, Adopted
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.pipeline.intake import Arrival, Intake
from chimera.swarm.answering import STORE_TIME_US_MAX, Answering
from chimera.swarm.bell import Bell
from chimera.swarm.claiming import LEASE_SECONDS
from chimera.swarm.handing import Handing
from chimera.swarm.planning import Planning
from chimera.swarm.told import LATELY_MAX, TOLD_MAX, Told
from tests.pipeline.test_planner import GOOD
from tests.pipeline.test_planner import planner as a_planner
from tests.small_house import INPUTS, TEXT, SmallHouse, a_goal, a_post
from tests.small_work import draft
from tests.swarm.test_hearing import Bench, HandedIn
from tests.swarm.test_throttle import told as turned_away

pytestmark = pytest.mark.requirement("R-A2", "R-A5", "R-A7")
ROOM = HandedIn().room


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


class Desk:
    """A manager's planning, answering and claiming, one round at a time."""

    def __init__(self, house: SmallHouse) -> None:
        self.house = house
        self.bench = Bench(house)
        self.arrived = Bell(house.clock)
        planner, _ = a_planner(house, GOOD)
        roster, court, claiming = self.bench.judging._roster, self.bench.judging._court, self.bench.claiming
        self.answering = Answering(
            planner=planner, court=court, reads=house.manager, roster=roster, claiming=claiming,
            ready=Bell(house.clock), arrived=self.arrived, shards=range(256),
        )  # fmt: skip
        self.planning = Planning(
            planner=planner, court=court, store=house.manager, roster=roster, claiming=claiming,
            handing=Handing(planner=planner, store=house.manager, roster=roster, shards=range(256)),
            shards=range(256), answering=self.answering,
        )  # fmt: skip
        self.intake = Intake(security=SecurityGateway(shipped_scanner()), store=house.office, clock=house.clock,
                             ids=house.ids, told=self.answering.tell)  # fmt: skip

    async def idle(self) -> Desk:
        """Nothing waits, in the queue or for workers, and that is known."""
        await self.planning.once()
        await self.bench.claiming.once()
        self.arrived._rung.clear()
        return self

    async def comes(self, campaign: Campaign | None = None, *, kind: str = "mention") -> Input:
        campaign = campaign or self.house.campaign
        payload = INPUTS["copy.reply"] if kind == "mention" else {"text": "a line"}
        return await self.intake.accept(Arrival(campaign_id=campaign.id, agent_id=campaign.agent_id, kind=kind,
                                                payload=payload, labels=(PUBLIC,)))  # fmt: skip

    @property
    def sent(self) -> list[str | None]:
        """What went to workers, by the input that it answers."""
        return [one.task.input_id for one in self.bench.dispatch.sent]

    @property
    def queue_is_rung_for(self) -> bool:
        return self.arrived._rung.is_set()


@pytest.fixture
async def desk(house: SmallHouse) -> Desk:
    return await Desk(house).idle()


async def state(house: SmallHouse, one: Input) -> InputState:
    return (await house.manager.get(Input, one.id)).state


async def another(house: SmallHouse, name: str = "bert", **different: object) -> Campaign:
    agent = replace(house.an_agent(name), **different)
    campaign = Campaign(id=house.ids.new(), agent_id=agent.id, goal=a_goal(agent), plans=1,
                        state=CampaignState.RUNNING)  # fmt: skip
    await house.put(agent, campaign)
    return campaign


async def test_what_comes_in_goes_straight_to_an_idle_worker(desk: Desk) -> None:
    came = [await desk.comes() for _ in range(3)]
    assert await desk.answering.once()
    assert desk.sent == [one.id for one in came], "in the order in which they came"
    tasks = await desk.house.manager.list(Task)
    assert {task.state for task in tasks} == {TaskState.LEASED}
    assert not desk.queue_is_rung_for, "nobody has to look for it"
    assert not await desk.answering.once(), "and it is answered once"


async def test_who_is_told_is_told_what_he_would_read(desk: Desk) -> None:
    told: list[Input] = []
    desk.intake._told = told.append
    payload = {**INPUTS["copy.reply"], "with": ("a", "b")}
    arrival = Arrival(campaign_id=desk.house.campaign.id, agent_id=desk.house.agent.id, kind="mention",
                      payload=payload, labels=(PUBLIC,))  # fmt: skip
    one = await desk.intake.accept(arrival)
    assert told == [await desk.house.manager.get(Input, one.id)]
    payload["with"] = "else"
    assert told[0].payload["with"] == ["a", "b"], "what the caller does with his does not change it"


async def test_what_was_refused_is_told_to_nobody(desk: Desk) -> None:
    told: list[Input] = []
    desk.intake._told = told.append
    await desk.house.halt(f"campaign:{desk.house.campaign.id}")
    with pytest.raises(Exception, match="halted"):
        await desk.comes()
    assert told == []


async def test_while_somebody_waits_for_a_worker_nobody_passes(house: SmallHouse) -> None:
    """A manager that begins does not know what waits, in the queue or for workers."""
    desk = Desk(house)
    one = await desk.comes()
    assert not await desk.answering.once()
    assert desk.queue_is_rung_for
    await desk.planning.once()
    assert await state(house, one) is InputState.PLANNED
    assert desk.sent == [], "until it was looked who waits, not even this one passes"
    await desk.bench.claiming.once()
    assert desk.sent == [one.id]


async def test_of_more_than_workers_have_room_for_the_rest_waits_in_the_queue(desk: Desk) -> None:
    campaigns = [await another(desk.house, f"agent-{number}") for number in range(ROOM + 1)]
    came = [await desk.comes(campaign) for campaign in campaigns]
    await desk.answering.once()
    assert desk.sent == [one.id for one in came[:ROOM]]
    assert desk.queue_is_rung_for
    assert await state(desk.house, came[-1]) is InputState.ADMITTED


async def test_workers_are_not_promised_twice(desk: Desk) -> None:
    """While one round's plans are on their way to the store, another begins: together they send no more than fit."""
    campaigns = [await another(desk.house, f"agent-{number}") for number in range(2 * ROOM)]
    rounds: list[asyncio.Task[bool]] = []
    for start in (0, ROOM // 2, ROOM):
        for campaign in campaigns[start : start + ROOM // 2]:
            await desk.comes(campaign)
        rounds.append(asyncio.create_task(desk.answering.once()))
        while desk.answering._told._waiting:
            await asyncio.sleep(0)
    await asyncio.gather(*rounds)
    assert len(desk.sent) == ROOM
    assert desk.answering._promised == 0


async def test_nobody_passes_what_a_page_made_ready(house: SmallHouse) -> None:
    desk = Desk(house)
    before = [await desk.comes() for _ in range(ROOM + 1)]
    await desk.bench.claiming.once()
    await desk.planning.once()
    assert desk.sent == [], "more than there is room for: all of it waits for workers"
    assert desk.answering._ready._rung.is_set()
    desk.arrived._rung.clear()
    after = await desk.comes()
    await desk.answering.once()
    assert (desk.sent, desk.queue_is_rung_for) == ([], True)
    await desk.bench.claiming.once()
    assert set(desk.sent) < {one.id for one in before}
    assert await state(house, after) is InputState.ADMITTED


async def test_pages_and_answers_go_on_beside_one_another(desk: Desk) -> None:
    """An office elsewhere tells nobody. While the plans of one page are on their way, the next page is read."""
    desk.intake._told = None
    first = await desk.comes()
    assert await desk.planning.once()
    assert desk.sent == [], "it is handed on, and not waited for"
    answering = asyncio.create_task(desk.answering.once())
    while desk.answering._told._waiting:
        await asyncio.sleep(0)
    second = await desk.comes(await another(desk.house))
    assert await desk.planning.once()
    assert await desk.answering.once()
    await answering
    assert desk.sent == [first.id, second.id]
    assert not await desk.planning.once()


async def test_a_page_that_was_read_before_an_answer_is_old(desk: Desk) -> None:
    one = await desk.comes()
    page = await desk.planning._inputs.page()
    await desk.answering.once()
    assert (page, desk.answering.paged(page, at_once=9)) == ((one,), [])


@pytest.mark.parametrize(("made", "rings"), [(draft(TEXT, action=a_post()), False), (None, True)])
async def test_who_claims_is_woken_for_what_is_ready_alone(house: SmallHouse, made: Draft | None, rings: bool) -> None:
    """A grant makes nothing ready. An attempt that failed is tried again."""
    bench = Bench(house)
    await bench.hear(made, failure="" if made else "none")
    assert bench.judging._ready._rung.is_set() is rings


async def test_a_page_and_what_was_told_are_one_queue(desk: Desk) -> None:
    """Whatever is told and read at the same time is planned once, and nothing is left behind."""
    campaigns = [await another(desk.house, f"agent-{number}") for number in range(ROOM)]
    came = [await desk.comes(campaign) for campaign in campaigns]
    await asyncio.gather(desk.planning.once(), desk.answering.once(), desk.answering.once(), desk.planning.once())
    await desk.planning.once()
    await desk.answering.once()
    assert {await state(desk.house, one) for one in came} == {InputState.PLANNED}
    assert len(await desk.house.manager.list(Task)) == len(came)


@pytest.mark.parametrize("why", ["halted", "paused", "cancelled", "hours"])
async def test_who_may_not_go_on_is_left_to_the_queue(desk: Desk, why: str) -> None:
    campaign = await another(desk.house)
    one = await desk.comes(campaign)
    agent = replace(desk.house.an_agent("bert"), version=2)
    match why:
        case "halted":
            await desk.house.halt(f"agent:{campaign.agent_id}")
            desk.house.clock.advance(1)
        case "paused":
            await desk.house.put(replace(agent, state=AgentState.PAUSED))
        case "cancelled":
            await desk.house.put(replace(campaign, version=2, state=CampaignState.CANCELLED))
        case _:
            never = OpenHours(days=(0,), opens_minute=0, closes_minute=1)
            await desk.house.put(replace(agent, schedule=Schedule(hours=(never,))))
    await desk.answering.once()
    assert (desk.sent, desk.queue_is_rung_for) == ([], True)
    assert await state(desk.house, one) is InputState.ADMITTED


async def test_what_models_turn_away_is_left_to_the_queue(desk: Desk) -> None:
    one = await desk.comes(kind="bench")
    desk.bench.claiming._throttle.heard(turned_away("rate-limited"), "bench.note", lambda _: 1)
    await desk.answering.once()
    assert (desk.sent, desk.queue_is_rung_for) == ([], True)
    assert await state(desk.house, one) is InputState.ADMITTED


async def test_a_campaign_that_somebody_else_wrote_is_read_anew(desk: Desk) -> None:
    """What is kept of it is only a guess: the plan made from it is refused, and the next one is not."""
    await desk.comes()
    await desk.answering.once()
    campaign = await desk.house.manager.get(Campaign, desk.house.campaign.id)
    await desk.house.put(replace(campaign, version=campaign.version + 1, plans=40))
    second = await desk.comes()
    await desk.answering.once()
    assert await state(desk.house, second) is InputState.ADMITTED
    assert await desk.planning.once()
    assert await desk.answering.once(), "workers are idle: the page hands it on, and goes on to the next"
    assert await state(desk.house, second) is InputState.PLANNED
    assert (await desk.house.manager.get(Campaign, campaign.id)).plans == 41


async def test_a_lease_counts_by_the_stores_clock_and_is_never_longer(desk: Desk) -> None:
    for seconds in (0.0, STORE_TIME_US_MAX / 1_000_000 - 0.1, 0.2):
        desk.house.clock.advance(seconds)
        await desk.comes()
        await desk.answering.once()
        now_us, due_us = desk.house.clock.now_us(), desk.bench.dispatch.sent[-1].deadline_us
        assert LEASE_SECONDS * 1_000_000 - STORE_TIME_US_MAX < due_us - now_us <= LEASE_SECONDS * 1_000_000


def an_input(house: SmallHouse, campaign: str, **more: object) -> Input:
    one = Input(id=house.ids.new(), campaign_id=campaign, kind="mention", payload={}, labels=(PUBLIC,), threat="LOW",
                admitted_at_us=1)  # fmt: skip
    return replace(one, **more)


def test_a_campaign_is_planned_by_one_at_a_time(house: SmallHouse) -> None:
    told, campaign = Told(range(256)), house.campaign.id
    told.paged((), at_once=2)
    first, second, later = (an_input(house, campaign) for _ in range(3))
    elsewhere = an_input(house, house.ids.new())
    assert [told.tell(one) for one in (first, second)] == [True, True]
    assert told.take() == [first, second]
    assert [told.tell(one) for one in (later, elsewhere)] == [True, True]
    assert told.take() == [elsewhere]
    assert told.paged([first, second, later], at_once=9) == [], "nor by whoever reads the queue"
    told.tell(later)
    told.planned((first, second))
    told.end([campaign])
    assert told.take() == [later]
    told.end([campaign])
    assert told.paged([first, second, later], at_once=9) == [later], "a page that was read before is old"


def test_what_was_told_and_read_is_planned_once(house: SmallHouse) -> None:
    told, (one, late, read) = Told(range(256)), (an_input(house, house.ids.new()) for _ in range(3))
    told.paged((), at_once=9)
    told.tell(one)
    assert told.paged([one, read], at_once=9) == [read], "whoever was told has it"
    assert told.take() == [one]
    told.tell(read)
    told.planned([read, late])
    assert told.tell(late), "it was told when it had been planned from a page already"
    assert told.take() == []


def test_behind_a_full_page_everybody_waits_in_the_queue(house: SmallHouse) -> None:
    told, one, two = Told(range(256)), *(an_input(house, house.campaign.id) for _ in range(2))
    assert not told.tell(one), "nobody has looked yet"
    told.paged((), at_once=2)
    assert told.tell(one)
    told.paged([two, two], at_once=2)
    assert (told.take(), told.tell(one)) == ([], False)


def test_only_so_much_is_kept_and_only_what_is_ours(house: SmallHouse) -> None:
    told = Told([house.campaign.shard])
    told.paged((), at_once=2)
    wish = an_input(house, house.campaign.id, kind=REPLAN, labels=TRUSTED)
    stranger = an_input(house, next(key for key in (house.ids.new() for _ in range(9))
                                    if replace(house.campaign, id=key).shard != house.campaign.shard))  # fmt: skip
    assert (told.tell(wish), told.tell(stranger)) == (False, False)
    kept = [told.tell(an_input(house, house.campaign.id)) for _ in range(TOLD_MAX + 1)]
    assert kept == [True] * TOLD_MAX + [False]
    told.planned([an_input(house, house.campaign.id) for _ in range(LATELY_MAX + 1)])
    assert len(told._lately) == LATELY_MAX


async def test_what_is_kept_of_campaigns_is_bounded(house: SmallHouse) -> None:
    adopted = Adopted(house.manager)
    for _ in range(KEPT_MAX + 1):
        adopted.keep(replace(house.campaign, id=house.ids.new()))
    adopted.keep(replace(house.campaign, plans=7))
    assert len(adopted._kept) == KEPT_MAX
    assert [one.plans for one in await adopted.of([house.campaign.id])] == [7]
    adopted.forget(house.campaign.id)
    assert await adopted.of([house.campaign.id]) == (house.campaign,)
