"""The planner alone: plans of every bad shape are refused on record; a plan for yesterday's state is not adopted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from chimera.adapters.local import people_journal
from chimera.adapters.local.subject_keys import LocalSubjectKeys
from chimera.domain import ids, scopes
from chimera.domain.agent import Agent
from chimera.domain.budget import Cap, Hold
from chimera.domain.campaign import REPLAN, Campaign, CampaignState, Input, InputState
from chimera.domain.consent import ConsentState, Purpose
from chimera.domain.durations import HOUR_US
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused, Unavailable
from chimera.domain.permissions import PERMISSIONS
from chimera.domain.plan import STEPS_MAX
from chimera.domain.task import Task, TaskState
from chimera.domain.tools import Definition, ToolKind, ToolPin, pin_id
from chimera.governance.plan_costs import PLAN_COST_MICROS_MAX, PLANS_TRIED_MAX
from chimera.governance.privacy.consents import Consents, Word
from chimera.pipeline.planner import Planner
from chimera.ports.model import Model, ModelAnswer, ModelRequest
from tests.small_house import CONTRACTS, INPUTS, PROMPTS, SPECS, SmallHouse
from tests.small_house import PERMISSIONS as FEW
from tests.small_work import SayingModel, envelope

pytestmark = pytest.mark.requirement("R-A1", "R-A6", "R-K1")


@pytest.fixture
async def house() -> SmallHouse:
    small = SmallHouse()
    small.campaign = replace(small.campaign, state=CampaignState.OPENED, plans=0)
    return await small.open()


def planner(house: SmallHouse, *answers: str, models_cost: bool = False) -> tuple[Planner, SayingModel]:
    model = SayingModel(*answers)
    made = Planner(
        model=model, contracts=CONTRACTS, costs=house.plan_costs(models_cost=models_cost), prompt=PROMPTS["plan"],
        store=house.manager, clock=house.clock, ids=house.ids,
    )  # fmt: skip
    return made, model


def with_consents(house: SmallHouse, folder: Path, *answers: str) -> tuple[Planner, Consents]:
    consents = Consents(store=house.office, keys=LocalSubjectKeys(folder, clock=house.clock),
                        journal=people_journal.consents(folder))  # fmt: skip
    made = Planner(
        model=SayingModel(*answers), contracts=CONTRACTS, costs=house.plan_costs(), prompt=PROMPTS["plan"],
        store=house.manager, clock=house.clock, ids=house.ids, consents=consents,
    )  # fmt: skip
    return made, consents


def step(key: str, *after: str, spec: str = "copy.post", **more: object) -> dict[str, object]:
    return {"key": key, "spec": spec, "input": INPUTS.get(spec, {}), "after": list(after), **more}


def plan(*steps: dict[str, object], **more: object) -> str:
    return envelope({"analysis": "a", "steps": list(steps), "safety": ["s"], "tests": ["t"], **more})


@pytest.mark.parametrize(("more", "told"), [
    ((), {}),
    (("tools.write", "tools.read"), {"notes/add_note": "tool.write", "notes/read_notes": "tool.read"}),
])  # fmt: skip
async def test_the_pinned_tools_that_its_steps_may_use_are_told_and_no_others(
    house: SmallHouse, more: tuple[str, ...], told: dict[str, str]
) -> None:
    kinds = {"add_note": ToolKind.WRITE, "read_notes": ToolKind.READ, "drop_notes": ToolKind.ADMIN}
    for name, kind in kinds.items():
        seen = Definition(server="notes", name=name, description=f"It can {name}.", schema='{"type":"object"}')
        pin = ToolPin(id=pin_id("notes", name), definition=seen, digest=seen.digest, kind=kind, pinned_by="olga",
                      pinned_at_us=1)  # fmt: skip
        await house.put(pin)
    made, model = planner(house, GOOD)
    await made.plan_goal(house.campaign, replace(house.agent, permissions=(*FEW, *more)))
    offered = model.asked[0].data.get("tools", [])
    assert {one["tool"]: one["step"] for one in offered} == told
    assert {one["name"] for one in model.asked[0].data["specs"]} >= set(told.values())


GOOD = plan(step("a"), step("b", "a"), step("c", "a", "b"))
BAD = {
    "cyclic": plan(step("a", "b"), step("b", "a")),
    "waits for itself": plan(step("a", "a")),
    "unknown type": plan(step("a", spec="go.viral")),
    "no Safety part": plan(step("a"), safety=[]),
    "no Test part": plan(step("a"), tests=[]),
    "no steps": plan(),
    "too many steps": plan(*(step(f"s{n}") for n in range(STEPS_MAX + 1))),
    "over budget": plan(*(step(f"s{n}") for n in range(200))),
    "one key twice": plan(step("a"), step("a")),
    "an empty key": plan(step("")),
    "an endless key": plan(step("k" * 65)),
    "waits for nobody": plan(step("a", "z")),
    "input against its schema": plan({**step("a"), "input": {"platform": "sandbox"}}),
    "input that cannot be recorded": plan({**step("a"), "input": {**INPUTS["copy.post"], "topic": "a\x00b"}}),
    "rank beyond a row": plan(step("a", rank=2**40)),
    "before everybody else": plan(step("a", rank=-1)),
    "behind everybody else": plan(step("a", rank=1_001)),
    "prose": "Here is your plan!",
    "truncated": GOOD[:70],
    "more than a plan": plan(step("a"), labels=["operator"]),
    "a step that labels itself": plan(step("a", labels=["operator"])),
}


async def test_a_sound_plan_becomes_tasks(house: SmallHouse) -> None:
    made, _ = planner(house, GOOD)
    tasks = {task.key: task for task in await made.plan_goal(house.campaign, house.agent)}
    assert [tasks[key].state for key in "abc"] == [TaskState.READY, TaskState.WAITING, TaskState.WAITING]
    assert (tasks["c"].pending, set(tasks["a"].opens)) == (2, {tasks["b"].id, tasks["c"].id})
    assert all(task.spec == SPECS["copy.post"].ref and task.labels == ("operator",) for task in tasks.values())
    assert (await house.window()).spent_micros == 500


@pytest.mark.parametrize("name", sorted(BAD))
async def test_an_unsound_plan_is_refused_on_record(house: SmallHouse, name: str) -> None:
    made, model = planner(house, BAD[name])
    with pytest.raises(Invalid) as refusal:
        await made.plan_goal(house.campaign, house.agent)
    assert refusal.value.code == "plan_unsound"
    assert len(model.asked) == PLANS_TRIED_MAX
    assert model.asked[-1].data["feedback"]
    assert await house.manager.list(Task) == ()
    campaign = await house.manager.get(Campaign, house.campaign.id)
    assert (campaign.state, campaign.plans) == (CampaignState.CANCELLED, 0)
    assert (await house.window()).spent_micros == 500 * PLANS_TRIED_MAX


async def test_a_plan_is_asked_for_again_with_what_was_wrong(house: SmallHouse) -> None:
    made, model = planner(house, BAD["cyclic"], GOOD)
    assert len(await made.plan_goal(house.campaign, house.agent)) == 3
    assert "wait for each other" in model.asked[1].data["feedback"][0]


@pytest.mark.requirement("R-C1")
@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
async def test_a_plan_beyond_the_manifest(house: SmallHouse, permission: str) -> None:
    """For every permission that a task type needs: without it, the plan is refused and the model is not even told."""
    needing = [spec for spec in SPECS.values() if permission in spec.permissions and spec.name in INPUTS]
    agent = replace(house.agent, permissions=tuple(name for name in house.agent.permissions if name != permission))
    for spec in needing:
        campaign = replace(house.campaign, id=house.ids.new())
        await house.put(campaign)
        await house.set_cap(scopes.campaign(campaign.id), "total", 5_000_000)
        made, model = planner(house, plan(step("a", spec=spec.name)))
        with pytest.raises(Invalid):
            await made.plan_goal(campaign, agent)
        assert spec.name not in [offered["name"] for offered in model.asked[0].data["specs"]]
        assert f"needs the permission {permission}" in " ".join(model.asked[-1].data["feedback"])
    assert await house.manager.list(Task) == ()


@pytest.mark.requirement("R-C1")
@pytest.mark.parametrize("skill", sorted({SPECS[name].skill for name in INPUTS}))
async def test_a_plan_beyond_the_capabilities(house: SmallHouse, skill: str) -> None:
    """For every skill that a task type uses: who is not capable of it is refused, and the model is not even told."""
    needing = [spec for spec in SPECS.values() if spec.skill == skill and spec.name in INPUTS]
    agent = replace(house.agent, capabilities=tuple(name for name in house.agent.capabilities if name != skill))
    for spec in needing:
        campaign = replace(house.campaign, id=house.ids.new())
        await house.put(campaign)
        await house.set_cap(scopes.campaign(campaign.id), "total", 5_000_000)
        made, model = planner(house, plan(step("a", spec=spec.name)))
        with pytest.raises(Invalid):
            await made.plan_goal(campaign, replace(agent, permissions=spec.permissions))
        assert spec.name not in [offered["name"] for offered in model.asked[0].data["specs"]]
        assert f"needs the skill {skill}" in " ".join(model.asked[-1].data["feedback"])
    assert await house.manager.list(Task) == ()


async def test_a_plan_for_yesterdays_state(house: SmallHouse) -> None:
    made, _ = planner(house, GOOD)
    await made.plan_goal(house.campaign, house.agent)
    with pytest.raises(Conflict, match="written by somebody else"):
        await made.plan_goal(house.campaign, house.agent)
    assert len(await house.manager.list(Task)) == 3


@pytest.mark.parametrize("place", ["fleet", "campaign", "agent"])
async def test_nothing_is_planned_in_a_halt(house: SmallHouse, place: str) -> None:
    made, _ = planner(house, GOOD)
    await house.halt({"fleet": scopes.FLEET, "campaign": scopes.campaign(house.campaign.id),
                      "agent": scopes.agent(house.agent.id)}[place])  # fmt: skip
    with pytest.raises(Refused, match="halted"):
        await made.plan_goal(house.campaign, house.agent)
    assert await house.manager.list(Task) == ()
    assert (await house.manager.get(Campaign, house.campaign.id)).state is CampaignState.OPENED


@pytest.mark.requirement("R-D5")
async def test_a_plan_speaks_to_nobody_who_did_not_agree(house: SmallHouse, tmp_path: Path) -> None:
    cold = plan(step("a", spec="copy.reply"))
    made, consents = with_consents(house, tmp_path, *([cold] * PLANS_TRIED_MAX), cold)
    with pytest.raises(Invalid, match="nobody has asked this person about: contact"):
        await made.plan_goal(house.campaign, house.agent)
    assert await house.manager.list(Task) == ()
    agreed = Word(person=str(INPUTS["copy.reply"]["author"]), purpose=Purpose.CONTACT, state=ConsentState.GIVEN,
                  by="Grace", why="by letter")  # fmt: skip
    await consents.note(agreed)
    fresh = replace(house.campaign, id=house.ids.new())
    cap = Cap(id=ids.derive(fresh.id, "cap"), limited=scopes.campaign(fresh.id), period="total",
              micros=fresh.goal.budget_micros)  # fmt: skip
    await house.put(fresh, cap)
    assert len(await made.plan_goal(fresh, house.agent)) == 1


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def an_input(house: SmallHouse, kind: str = "mention", **more: object) -> Input:
    payload = {key: value for key, value in INPUTS["copy.reply"].items()}
    made = replace(
        Input(id=house.ids.new(), campaign_id=house.campaign.id, kind=kind, payload=payload, labels=("public",),
              threat="MEDIUM", admitted_at_us=house.clock.now_us(), purpose="answer"),
        **more,
    )  # fmt: skip
    await house.put(made)
    return made


async def answered(
    made: Planner, campaign: Campaign, agent: Agent, one: Input, *, not_before_us: int = 0
) -> tuple[Task, ...]:
    adoption = made.answer(campaign, agent, [one], not_before_us=not_before_us)
    await made.adopting.write(adoption)
    return adoption.tasks


@pytest.mark.requirement("R-N2")
async def test_an_input_keeps_its_label_and_its_threat(house: SmallHouse) -> None:
    one = await an_input(house)
    tasks = await answered(planner(house, GOOD)[0], house.campaign, house.agent, one)
    assert [(task.labels, task.threat, task.input_id) for task in tasks] == [(("public",), "MEDIUM", one.id)]
    assert (await house.manager.get(Input, one.id)).state is InputState.PLANNED


@pytest.mark.requirement("R-C1")
async def test_out_of_hours_an_answer_waits(house: SmallHouse) -> None:
    one, opens_us = await an_input(house), house.clock.now_us() + HOUR_US
    tasks = await answered(planner(house, GOOD)[0], house.campaign, house.agent, one, not_before_us=opens_us)
    assert [(task.state, task.due_at_us) for task in tasks] == [(TaskState.READY, opens_us)]


@pytest.mark.parametrize("why", ["kind", "permission", "skill", "schema", "purpose"])
async def test_what_nobody_answers_is_dropped_on_record(house: SmallHouse, why: str) -> None:
    one = await an_input(house, "rumour" if why == "kind" else "mention",
                         **({"payload": {"text": 1}} if why == "schema" else {}),
                         **({"purpose": ""} if why == "purpose" else {}))  # fmt: skip
    agent = replace(house.agent, permissions=()) if why == "permission" else house.agent
    agent = replace(agent, capabilities=("trends",)) if why == "skill" else agent
    assert await answered(planner(house, GOOD)[0], house.campaign, agent, one) == ()
    assert (await house.manager.get(Input, one.id)).state is InputState.DROPPED
    last = (await house.manager.links("manager-0"))[-1]
    assert msgspec.json.decode(last.body)["data"]["dropped"] == [one.id]


async def test_an_input_is_planned_once(house: SmallHouse) -> None:
    one = await an_input(house)
    made, _ = planner(house, GOOD)
    await answered(made, house.campaign, house.agent, one)
    campaign = await house.manager.get(Campaign, house.campaign.id)
    with pytest.raises(ChimeraError):
        await answered(made, campaign, house.agent, one)
    assert len(await house.manager.list(Task)) == 1


async def a_wish(house: SmallHouse, **more: object) -> Input:
    return await an_input(house, REPLAN, payload={"wish": "shorter"}, labels=("operator",), threat="LOW", **more)


async def running(house: SmallHouse) -> dict[str, Task]:
    """A plan of three steps, of which the first has begun."""
    made = {task.key: task for task in await planner(house, GOOD)[0].plan_goal(house.campaign, house.agent)}
    begun = (await house.manager.claim(shards=range(1024), limit=1, lease_seconds=60))[0]
    return {**made, begun.key: begun}


async def test_a_wish_replaces_what_has_not_begun(house: SmallHouse) -> None:
    before = await running(house)
    asked = await a_wish(house)
    made, model = planner(house, plan(step("only")))
    campaign = await house.manager.get(Campaign, house.campaign.id)
    (new,) = await made.replan(campaign, house.agent, asked)
    assert (new.key, new.state) == ("only", TaskState.READY)
    states = {key: (await house.manager.get(Task, task.id)).state for key, task in before.items()}
    assert states == {"a": TaskState.LEASED, "b": TaskState.DROPPED, "c": TaskState.DROPPED}
    assert (await house.manager.get(Input, asked.id)).state is InputState.PLANNED
    told = model.asked[-1].data
    assert told["wish"] == "shorter"
    assert {row["key"]: row["state"] for row in told["so_far"]} == {"a": "leased", "b": "waiting", "c": "waiting"}


async def test_a_wish_of_which_no_plan_comes_changes_nothing(house: SmallHouse) -> None:
    before = await running(house)
    asked = await a_wish(house)
    made, _ = planner(house, *[BAD["cyclic"]] * PLANS_TRIED_MAX)
    campaign = await house.manager.get(Campaign, house.campaign.id)
    with pytest.raises(Invalid, match="plan_unsound"):
        await made.replan(campaign, house.agent, asked)
    assert (await house.manager.get(Campaign, house.campaign.id)).state is CampaignState.RUNNING
    assert [(await house.manager.get(Task, task.id)).state for task in before.values()] == [
        TaskState.LEASED, TaskState.WAITING, TaskState.WAITING]  # fmt: skip
    assert (await house.manager.get(Input, asked.id)).state is InputState.DROPPED


async def test_nobody_else_wishes_for_a_plan(house: SmallHouse) -> None:
    await running(house)
    stranger = await an_input(house, REPLAN, payload={"wish": "buy my coin"}, labels=("public",))
    made, model = planner(house, plan(step("only")))
    campaign = await house.manager.get(Campaign, house.campaign.id)
    with pytest.raises(Refused, match="only the operator"):
        await made.replan(campaign, house.agent, stranger)
    assert model.asked == []


# ── what the planner's model costs ──────────────────────────────────────────────────────────────────────────────────

HELD_MICROS = PLANS_TRIED_MAX * PLAN_COST_MICROS_MAX


class Looking(SayingModel):
    """Says what is held while it is asked."""

    def __init__(self, house: SmallHouse, *answers: str) -> None:
        super().__init__(*answers)
        self.house = house
        self.held: list[int] = []

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.held.append((await self.house.window()).held_micros)
        return await super().complete(request)


async def ended(house: SmallHouse) -> tuple[int, int, int, list[str]]:
    window = await house.window()
    states = [str(hold.state) for hold in await house.manager.list(Hold)]
    return window.held_micros, window.spent_micros, window.overrun_micros, states


def paid_planner(house: SmallHouse, model: Model) -> Planner:
    return Planner(model=model, contracts=CONTRACTS, costs=house.plan_costs(models_cost=True), prompt=PROMPTS["plan"],
                   store=house.manager, clock=house.clock, ids=house.ids)  # fmt: skip


class Silent:
    """Never answers."""

    def __init__(self) -> None:
        self.was_asked = asyncio.Event()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        self.was_asked.set()
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")


async def asks_for_ever(house: SmallHouse) -> asyncio.Task[object]:
    """A planner whose model was asked, and says nothing."""
    model = Silent()
    planner = paid_planner(house, model)
    planning: asyncio.Task[object] = asyncio.create_task(planner.plan_goal(house.campaign, house.agent))
    await model.was_asked.wait()
    return planning


@pytest.mark.requirement("R-E2", "R-B5")
@pytest.mark.parametrize(("answers", "spent"), [((GOOD,), 500), ((BAD["cyclic"], GOOD), 1_000)])
async def test_money_is_held_while_the_model_is_asked(house: SmallHouse, answers: tuple[str, ...], spent: int) -> None:
    model = Looking(house, *answers)
    made = paid_planner(house, model)
    await made.plan_goal(house.campaign, house.agent)
    assert model.held == [HELD_MICROS] * len(answers)
    assert await ended(house) == (0, spent, 0, ["captured"])


@pytest.mark.requirement("R-E2", "R-B5")
async def test_plans_that_were_refused_cost_what_they_cost(house: SmallHouse) -> None:
    made, _ = planner(house, BAD["cyclic"], models_cost=True)
    with pytest.raises(Invalid):
        await made.plan_goal(house.campaign, house.agent)
    assert await ended(house) == (0, 500 * PLANS_TRIED_MAX, 0, ["captured"])


@pytest.mark.requirement("R-E2", "R-B5")
async def test_a_plan_may_cost_what_of_planning_goes_back(house: SmallHouse) -> None:
    (cap,) = [one for one in await house.manager.list(Cap) if one.limited == scopes.campaign(house.campaign.id)]
    least_micros = SPECS["copy.post"].limits.cost_micros_max
    assert 1 < least_micros < HELD_MICROS - 500
    await house.put(replace(cap, version=2, micros=HELD_MICROS + 1))
    made, _ = planner(house, plan(step("a")), models_cost=True)
    assert len(await made.plan_goal(house.campaign, house.agent)) == 1


@pytest.mark.requirement("R-E2", "R-B5")
async def test_where_the_model_is_away_nothing_stays_held(house: SmallHouse) -> None:
    made = paid_planner(house, SayingModel(Unavailable("model_away", "away")))
    with pytest.raises(Unavailable):
        await made.plan_goal(house.campaign, house.agent)
    assert await ended(house) == (0, 0, 0, ["released"])


@pytest.mark.requirement("R-E2", "R-B5")
async def test_whoever_ends_while_the_model_is_asked_gives_back_what_was_set_aside(house: SmallHouse) -> None:
    planning = await asks_for_ever(house)
    planning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await planning
    assert await ended(house) == (0, 0, 0, ["released"])


@pytest.mark.requirement("R-E2", "R-B5")
async def test_what_a_killed_planner_had_set_aside_goes_to_the_next_one(house: SmallHouse) -> None:
    """With room for one plan alone: the campaign is planned all the same, and nothing is set aside twice."""
    await house.set_cap(scopes.agent(house.agent.id), "day", HELD_MICROS + 1)
    killed = await asks_for_ever(house)
    model = Looking(house, GOOD)
    made = paid_planner(house, model)
    await made.plan_goal(house.campaign, house.agent)
    assert model.held == [HELD_MICROS]
    assert sorted((await ended(house))[3]) == ["captured", "released"]
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    assert (await ended(house))[:2] == (0, 500)


@pytest.mark.requirement("R-E2", "R-B5")
async def test_without_room_today_nobody_is_asked_and_the_goal_waits(house: SmallHouse) -> None:
    await house.set_cap(scopes.agent(house.agent.id), "day", HELD_MICROS - 1)
    made, model = planner(house, GOOD, models_cost=True)
    with pytest.raises(Refused, match="room for"):
        await made.plan_goal(house.campaign, house.agent)
    assert model.asked == []
    assert (await house.manager.get(Campaign, house.campaign.id)).state is CampaignState.OPENED


@pytest.mark.requirement("R-E2", "R-B5")
async def test_a_budget_that_does_not_pay_for_its_plan_is_refused_on_record(house: SmallHouse) -> None:
    (cap,) = [one for one in await house.manager.list(Cap) if one.limited == scopes.campaign(house.campaign.id)]
    await house.put(replace(cap, version=2, micros=HELD_MICROS - 1))
    made, model = planner(house, GOOD, models_cost=True)
    with pytest.raises(Invalid, match="no money for the planner's model"):
        await made.plan_goal(house.campaign, house.agent)
    assert model.asked == []
    assert (await house.manager.get(Campaign, house.campaign.id)).state is CampaignState.CANCELLED
