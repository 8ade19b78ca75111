"""Worker and judge alone: whatever a model says, a result comes back; whoever cannot be understood has not accepted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Unavailable
from chimera.domain.permissions import TOOLS
from chimera.domain.refusals import over_quota
from chimera.pipeline.judge import Judge
from chimera.pipeline.worker import Worker
from chimera.ports.tools_read import ToolAnswer
from chimera.skills.desk import CALLS_MAX, Desk
from chimera.skills.registry import SKILLS
from tests.small_house import CONTRACTS, PROMPTS, TEXT, SmallHouse, a_post
from tests.small_work import ACCEPTED, SayingModel, assign, draft, envelope

pytestmark = pytest.mark.requirement("R-A1", "R-A4")
GOOD = envelope({"text": "Boss fights are better with friends.", "sources": []})


@pytest.fixture
async def house() -> SmallHouse:
    return await SmallHouse().open()


class NoTools:
    """Implements `ports.tools_read.ToolsRead`: has trends."""

    async def call(self, tool: str, arguments: dict[str, object], *, agent_id: str) -> ToolAnswer:
        return ToolAnswer(content={"trends": [{"topic": "x", "score_bp": 1}]}, labels=("tool:trends",))


def a_worker(house: SmallHouse, model: SayingModel, **skills: Any) -> Worker:
    return Worker(
        model=model, tools=NoTools(), skills={**SKILLS, **skills}, prompts=PROMPTS, contracts=CONTRACTS,
        clock=house.clock,
    )  # fmt: skip


# ── worker ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_draft_discloses_by_construction(house: SmallHouse) -> None:
    done = await a_worker(house, SayingModel(GOOD)).work(assign(await house.a_task(), house.agent))
    assert done.draft is not None
    assert done.draft.action is not None
    assert "[AI persona]" in done.draft.action.arguments["text"]
    assert done.cost_micros == 500


@pytest.mark.parametrize(
    "answer",
    [
        "", "I cannot do that.", GOOD[:40], "[]", "null", '{"output": {"text": 1}, "confidence_bp": 9000}',
        envelope({"text": "x", "sources": [], "more": 1}), envelope({}), envelope({"text": "x"}, confidence_bp=10_001),
        '{"output": {"text": "x\\u0000y", "sources": []}, "confidence_bp": 9000}', "9" * 300_000,
        '{"output": {"text": "\\ud800", "sources": []}, "confidence_bp": 9000}',
        '{"output": {"text": "x", "sources": []}, "confidence_bp": 9000, "action": {}}',
    ],
)  # fmt: skip
async def test_an_answer_that_is_not_what_was_asked_for(house: SmallHouse, answer: str) -> None:
    done = await a_worker(house, SayingModel(answer)).work(assign(await house.a_task(), house.agent))
    assert done.draft is None
    assert done.failure
    assert done.cost_micros == 500


async def test_a_model_that_is_away(house: SmallHouse) -> None:
    model = SayingModel(Unavailable("model_away", "away"))
    done = await a_worker(house, model).work(assign(await house.a_task(), house.agent))
    assert "away" in done.failure


class ReadOut(NoTools):
    """A network of which the calls are used up."""

    async def call(self, tool: str, arguments: dict[str, object], *, agent_id: str) -> ToolAnswer:
        raise over_quota("platform:sandbox|calls-hour|2026-11-22T03Z", left="no calls left")


@pytest.mark.requirement("R-E2")
async def test_a_network_that_may_not_be_read_any_more(house: SmallHouse) -> None:
    worker = Worker(model=SayingModel(GOOD), tools=ReadOut(), skills=SKILLS, prompts=PROMPTS, contracts=CONTRACTS,
                    clock=house.clock)  # fmt: skip
    done = await worker.work(assign(await house.a_task(spec="trend.scan"), house.agent))
    assert (done.draft, done.full_window) == (None, "platform:sandbox|calls-hour|2026-11-22T03Z")
    assert "over_quota" in done.failure


async def test_a_skill_that_breaks(house: SmallHouse) -> None:
    async def broken(desk: Desk) -> Draft:
        raise KeyError("oops")

    done = await a_worker(house, SayingModel(GOOD), copy=broken).work(assign(await house.a_task(), house.agent))
    assert "the skill broke: KeyError" in done.failure


async def test_a_skill_that_takes_too_long(house: SmallHouse) -> None:
    async def slow(desk: Desk) -> Draft:
        await house.clock.sleep(3_600)
        return draft("late")

    done = await a_worker(house, SayingModel(GOOD), copy=slow).work(assign(await house.a_task(), house.agent))
    assert "longer than its spec allows" in done.failure


async def test_a_contract_that_is_not_the_managers(house: SmallHouse) -> None:
    task = await house.a_task()
    for spec in (
        replace(task.spec, digest="0" * 64),
        replace(task.spec, name="go.viral"),
        replace(task.spec, version=9),
    ):
        done = await a_worker(house, SayingModel(GOOD)).work(assign(replace(task, spec=spec), house.agent))
        assert "not known here" in done.failure


async def test_a_skill_that_asks_without_end(house: SmallHouse) -> None:
    async def endless(desk: Desk) -> Draft:
        while True:
            await desk.ask({})

    done = await a_worker(house, SayingModel(GOOD), copy=endless).work(assign(await house.a_task(), house.agent))
    assert done.draft is None
    assert len(done.calls) == CALLS_MAX


@pytest.mark.requirement("R-C1")
@pytest.mark.parametrize("tool", [*sorted(TOOLS), "no.such.tool"])
async def test_a_tool_without_its_permission(house: SmallHouse, tool: str) -> None:
    async def reading(desk: Desk) -> Draft:
        await desk.read(tool, {})
        return draft("read")

    agent = replace(house.agent, permissions=tuple(name for name in house.agent.permissions if name != TOOLS.get(tool)))
    done = await a_worker(house, SayingModel(GOOD), copy=reading).work(assign(await house.a_task(), agent))
    assert "may not use" in done.failure


@pytest.mark.requirement("R-N2")
async def test_what_a_tool_returns_labels_the_draft(house: SmallHouse) -> None:
    task = await house.a_task(spec="trend.scan")
    model = SayingModel(envelope({"trends": [{"topic": "x", "score_bp": 1, "why": "y"}]}))
    done = await a_worker(house, model).work(assign(task, house.agent))
    assert done.draft is not None
    assert "tool:trends" in done.draft.labels


# ── judge ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def a_judge(model: SayingModel) -> Judge:
    return Judge(model=model, contracts=CONTRACTS, prompt=PROMPTS["judge"])


async def test_a_good_draft_is_accepted(house: SmallHouse) -> None:
    said = await a_judge(SayingModel(ACCEPTED)).assess(
        assign(await house.a_task(), house.agent), draft(TEXT, action=a_post())
    )
    assert said.verdict.accepted


@pytest.mark.parametrize(
    "answer",
    [
        "", "yes", "true", "{}", '{"accepted": "yes", "confidence_bp": 9000}', ACCEPTED[:-3], ACCEPTED + ACCEPTED,
        '{"accepted": true}', '{"accepted": true, "confidence_bp": 10001}', '{"accepted": true, "confidence_bp": -1}',
        '{"accepted": true, "confidence_bp": 9000, "also": 1}', '{"accepted": true, "confidence_bp": 9000.5}',
    ],
)  # fmt: skip
async def test_a_judge_that_cannot_be_understood_has_not_accepted(house: SmallHouse, answer: str) -> None:
    said = await a_judge(SayingModel(answer)).assess(assign(await house.a_task(), house.agent), draft(TEXT))
    assert not said.verdict.accepted
    assert said.verdict.findings


@pytest.mark.parametrize(
    ("output", "finding"),
    [
        ({"text": 1, "sources": []}, "schema"),
        ({"text": TEXT}, "schema"),
        ({"text": TEXT, "sources": [], "more": "x"}, "schema"),
        ({"text": "no disclosure in this text at all, sorry", "sources": []}, "disclosure"),
        ({"text": TEXT + " https://evil.example", "sources": []}, "link"),
        ({"text": "one two three four five six seven eight " * 5 + TEXT, "sources": []}, "circles"),
    ],
)
async def test_a_faulty_draft_is_not_even_shown_to_a_model(
    house: SmallHouse, output: dict[str, object], finding: str
) -> None:
    model = SayingModel(ACCEPTED)
    made = msgspec.structs.replace(draft(TEXT), output=output)
    said = await a_judge(model).assess(assign(await house.a_task(), house.agent), made)
    assert not said.verdict.accepted
    assert finding in " ".join(said.verdict.findings)
    assert model.asked == []


@pytest.mark.parametrize("kind", ["payment.send", "post.reply", "launch.missile"])
async def test_an_action_that_the_contract_does_not_allow(house: SmallHouse, kind: str) -> None:
    action = Action(kind=kind, platform="sandbox", account="ada", arguments={"text": TEXT})
    said = await a_judge(SayingModel(ACCEPTED)).assess(
        assign(await house.a_task(), house.agent), draft(TEXT, action=action)
    )
    assert "does not allow the action" in said.verdict.findings[0]


async def test_findings_are_bounded(house: SmallHouse) -> None:
    endless = msgspec.json.encode({"accepted": False, "confidence_bp": 1, "findings": ["x" * 999] * 99}).decode()
    said = await a_judge(SayingModel(endless)).assess(assign(await house.a_task(), house.agent), draft(TEXT))
    assert len(said.verdict.findings) == 10
    assert max(map(len, said.verdict.findings)) == 300
