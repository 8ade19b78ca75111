"""The ways of a post are chosen when its turn has come, on record before anybody works on it, and measured then."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from chimera.domain.attempt import Attempt
from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.errors import Unavailable
from chimera.domain.measurement import Measurement, MeasurementState, measurement_id
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.domain.roles import Role
from chimera.domain.schedule import OpenHours, Schedule
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.domain.variants import STYLES, Variants
from chimera.governance.tallying import figures_of, known_of
from chimera.governance.treasury import Treasury
from chimera.learning.choices import choice_of
from chimera.pipeline.rescheduling import Rescheduling
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.registry import SKILLS
from chimera.swarm.choosing import Choosing
from chimera.swarm.measuring import LOOKS_MAX, Measuring
from chimera.swarm.replay import Replay
from chimera.swarm.roster import Roster
from tests.small_house import CONTRACTS, GATE, PROMPTS, SPECS, SmallHouse
from tests.small_work import assign, draft, judgement

pytestmark = pytest.mark.requirement("R-B6", "R-I2")
TRIED = Variants(styles=STYLES, minutes=(6 * 60, 20 * 60), posts_per_day=2)


class Shows:
    """Implements `ports.tools_read.ToolsRead`: a thread of one post with these figures, or nobody answers."""

    def __init__(self, row: dict[str, Any] | None) -> None:
        self.row = row

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        if self.row is None:
            raise Unavailable("network_away", "away")
        return ToolAnswer(content={"posts": [{"id": arguments["thread_id"], **self.row}]}, labels=("public",))


async def a_house(variants: Variants = TRIED) -> SmallHouse:
    house = await SmallHouse().open()
    await house.change_agent(variants=variants)
    return house


def choosing(house: SmallHouse, rhythm: Rhythm = STEADY) -> Choosing:
    roster = Roster(reads=house.manager, clock=house.clock)
    return Choosing(store=house.manager, roster=roster, specs=SPECS, treasury=Treasury(), rhythm=rhythm)


async def chosen(house: SmallHouse) -> Task:
    """A leased post whose turn has come, as it stands after the choice."""
    task = await house.a_task()
    await choosing(house).choose([task])
    return await house.manager.get(Task, task.id)


async def claimed(house: SmallHouse) -> tuple[Task, ...]:
    return await house.manager.claim(shards=range(256), limit=8, lease_seconds=120.0)


async def test_a_post_goes_back_with_its_choice_and_owes_a_measurement() -> None:
    house = await a_house()
    task = await chosen(house)
    assert task.state is TaskState.READY
    assert task.choice is not None
    assert task.input["style"] == task.choice.chosen["style"]
    assert task.attempt == 0, "to choose is no try"
    assert task.choice == choice_of(task.choice.beliefs, seed=task.choice.seed)
    owed = await house.manager.get(Measurement, measurement_id(task.id))
    assert (owed.state, owed.variants) == (MeasurementState.OWED, task.choice.chosen)
    assert (task.due_at_us % DAY_US) // HOUR_US in (6, 20)
    assert owed.due_at_us == task.due_at_us + 6 * HOUR_US
    assert await claimed(house) == (), "it waits for its time"
    house.clock.advance((task.due_at_us - house.clock.now_us()) / 1_000_000 + 1)
    (again,) = await claimed(house)
    assert await choosing(house).choose([again]) == [again], "what is chosen stays chosen"
    assert again.attempt == 1


@pytest.mark.parametrize("left", [Variants(), Variants(media=("none", "card"))])
async def test_what_the_manifest_does_not_leave_open_is_not_chosen(left: Variants) -> None:
    house = await a_house(left)  # Without media.make there are no pictures to choose either.
    task = await house.a_task()
    assert await choosing(house).choose([task]) == [task]
    assert await house.manager.find(Measurement, measurement_id(task.id)) is None


async def test_what_the_plan_gives_stands_and_other_task_types_are_let_through() -> None:
    house = await a_house(Variants(styles=STYLES))
    plain = {"platform": "sandbox", "topic": "t", "brief": "b"}
    given = await house.a_task(input={**plain, "style": "banter"})
    note = await house.a_task(spec="research.note")
    assert await choosing(house).choose([given, note]) == [given, note]


async def test_a_time_that_a_person_gave_stands() -> None:
    house = await a_house(Variants(minutes=(6 * 60,)))
    task = await house.a_task(state=TaskState.READY, attempt=0)
    await Rescheduling(store=house.office).move(task.id, to_us=house.clock.now_us(), version=1, by="otto")
    (moved,) = await claimed(house)
    assert await choosing(house).choose([moved]) == [moved]


async def test_so_many_go_out_on_one_day_and_the_others_are_chosen_for_when_more_is_known() -> None:
    house = await a_house()
    tasks = [await house.a_task() for _ in range(5)]
    assert await choosing(house).choose(tasks) == []
    after = [await house.manager.get(Task, task.id) for task in tasks]
    assert [one.choice is not None for one in after] == [True, True, False, False, False]
    now_us = house.clock.now_us()
    assert [(one.due_at_us - now_us) // DAY_US for one in after[2:]] == [1, 1, 2]
    assert all(one.due_at_us - now_us <= DAY_US for one in after[:2])


async def test_the_time_is_asked_once_for_all_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    house = await a_house()
    other = replace(house.agent, id=house.ids.new(), name="studio.other", version=1, variants=TRIED)
    await house.put(other)
    tasks = [await house.a_task(), await house.a_task(agent_id=other.id)]
    times, now_us = list[int](), house.manager.now_us

    async def noted() -> int:
        times.append(await now_us())
        return times[-1]

    monkeypatch.setattr(house.manager, "now_us", noted)
    assert await choosing(house).choose(tasks) == []
    assert len(times) == 1


def test_what_is_due_is_looked_for_by_the_networks_day() -> None:
    def idle_seconds(tempo: int) -> float:
        return Measuring(store=house.office, tools=Shows(None), rhythm=Rhythm(tempo=tempo)).idle_seconds

    house = SmallHouse()
    assert [idle_seconds(tempo) for tempo in (1, 60, 120, 86_400)] == [60.0, 1.0, 0.5, 0.5]


async def test_only_hours_of_the_agent_are_chosen() -> None:
    house = await a_house(Variants(minutes=(3 * 60, 20 * 60)))
    day = OpenHours(days=tuple(range(7)), opens_minute=8 * 60, closes_minute=22 * 60)
    await house.change_agent(schedule=Schedule(hours=(day,)))
    times = [(await chosen(house)).choice for _ in range(3)]
    assert {one.chosen["time"] for one in times if one} == {"20:00"}


async def test_a_day_of_a_rehearsal_takes_seconds() -> None:
    house = await a_house()
    task = await house.a_task()
    await choosing(house, Rhythm(tempo=86_400)).choose([task])
    after = await house.manager.get(Task, task.id)
    assert 0 <= after.due_at_us - house.clock.now_us() <= 1_000_000


async def test_whoever_lost_the_lease_meanwhile_chooses_nothing() -> None:
    house = await a_house()
    task = await house.a_task()
    gone = task.after(TaskCommand.FAIL)
    await house.put(gone, by=Role.MANAGER)
    assert await choosing(house).choose([task]) == []
    assert await house.manager.find(Measurement, measurement_id(task.id)) is None


# ── what came of it ─────────────────────────────────────────────────────────────────────────────────────────────────


async def published(house: SmallHouse) -> tuple[Task, Measurement]:
    """A post whose ways were chosen, out on the network, with its measurement due."""
    task = await house.a_task()
    await choosing(house).choose([task])
    (task,) = await _at_its_time(house, task)
    granted = await house.grant(task=task)
    performance = await house.effects().perform(granted.grant.id)
    await house.settle.finish(granted, performance)
    house.clock.advance(7 * 3_600)
    return await house.manager.get(Task, task.id), await house.manager.get(Measurement, measurement_id(task.id))


async def _at_its_time(house: SmallHouse, task: Task) -> tuple[Task, ...]:
    task = await house.manager.get(Task, task.id)
    house.clock.advance(max(0, task.due_at_us - house.clock.now_us()) / 1_000_000 + 1)
    return await claimed(house)


async def test_what_the_network_says_is_learned_and_outlives_whoever_asked() -> None:
    house = await a_house()
    task, owed = await published(house)
    await Measuring(store=house.office, tools=Shows({"likes": 40, "replies": 2, "impressions": 900})).once()
    found = await house.manager.get(Measurement, owed.id)
    assert (found.state, found.engagements, found.impressions) == (MeasurementState.MEASURED, 42, 900)
    assert found.variants == owed.variants
    assert await Measuring(store=house.office, tools=Shows(None)).once() is False, "once is enough"
    # Another manager, begun anew, believes the same.
    later = await chosen(house)
    assert later.choice is not None
    believed = {(one.factor, one.variant): one for one in later.choice.beliefs}
    assert believed["style", found.variants["style"]].posts == 1
    assert believed["style", found.variants["style"]].mean_millis > 3_000
    told = [one for one in (await figures_of(house.office, house.agent)).variants if one.factor == "style"]
    assert [one.engagements_per_post_millis for one in told if one.measured] == [42_000]
    assert (await known_of(house.office, house.agent.id, since_us=0))[0][0].task_id == task.id


async def test_a_network_that_does_not_answer_is_asked_again_and_then_given_up() -> None:
    house = await a_house()
    _, owed = await published(house)
    for _ in range(LOOKS_MAX):
        assert (await house.manager.get(Measurement, owed.id)).state is MeasurementState.OWED
        await Measuring(store=house.office, tools=Shows(None)).once()
        house.clock.advance(7 * 3_600)
    assert (await house.manager.get(Measurement, owed.id)).state is MeasurementState.VOID


async def test_a_post_that_comes_late_says_nothing_about_its_time() -> None:
    house = await a_house()
    task = await house.a_task()
    await choosing(house).choose([task])
    (task,) = await _at_its_time(house, task)
    house.clock.advance(3 * 3_600)
    granted = await house.grant(task=task)
    await house.settle.finish(granted, await house.effects().perform(granted.grant.id))
    house.clock.advance(7 * 3_600)
    await Measuring(store=house.office, tools=Shows({"likes": 1})).once()
    found = await house.manager.get(Measurement, measurement_id(task.id))
    assert set(found.variants) == {"style"}


async def test_what_is_refused_counts_as_trouble_and_what_waits_is_asked_for_later() -> None:
    house = await a_house()
    refused = await chosen(house)
    held = await chosen(house)
    for task, command in ((refused, TaskCommand.REFUSE), (held, TaskCommand.ESCALATE)):
        leased = task.after(TaskCommand.LEASE)
        await house.put(leased, by=Role.MANAGER)
        await house.put(leased.after(command), by=Role.MANAGER)
    house.clock.advance(2 * 24 * 3_600)
    await Measuring(store=house.office, tools=Shows(None)).once()
    one, other = [await house.manager.get(Measurement, measurement_id(task.id)) for task in (refused, held)]
    assert (one.state, one.troubles) == (MeasurementState.VOID, ("refused",))
    assert (other.state, other.looked) == (MeasurementState.OWED, 0)
    assert other.due_at_us > house.clock.now_us()


# ── again ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_replay_chooses_again_and_names_a_choice_that_does_not_follow() -> None:
    house = await a_house()
    task = await chosen(house)
    assert task.choice is not None
    replay = Replay(contracts=CONTRACTS, gate=GATE, skills=SKILLS, prompts=PROMPTS, clock=house.clock)
    other = next(style for style in STYLES if style != task.choice.chosen["style"])
    forged = replace(task, choice=replace(task.choice, chosen={**task.choice.chosen, "style": other}))
    found = [await replay.run(_attempt(house, one)) for one in (task, forged)]
    assert found[0] is None or found[0].stage != "choice"
    assert found[1] is not None
    assert (found[1].stage, found[1].where) == ("choice", "choice.chosen.style")


def _attempt(house: SmallHouse, task: Task) -> Attempt:
    return Attempt(id=house.ids.new(), assignment=assign(task, house.agent), draft=draft("words"),
                   verdict=judgement().verdict)  # fmt: skip
