"""Threads and captions: each part answers the one before it, and every text fits the network that it is for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.domain.spec import Check
from chimera.domain.work import Material
from chimera.governance import graphemes
from chimera.governance.checks import Context, run
from chimera.governance.safety.networks import NETWORKS
from chimera.ports.tools_read import ToolAnswer
from chimera.rehearsal import reading, writing
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.planning import CAPTION, THREAD, THREAD_PARTS, plan
from chimera.skills.copy import writing as copy
from chimera.skills.desk import Desk
from tests.small_house import CONTRACTS, PROMPTS, SPECS, SmallHouse
from tests.small_work import SayingModel, assign, envelope

pytestmark = pytest.mark.requirement("R-B2", "R-B3")
SAID = "Rook read the manual aloud, and the lobby went quiet out of respect. (AI persona)"
FACTS = {"topic": "co-op week", "brief": "Tell how it went."}


class Drawing:
    """Implements `ports.tools_read.ToolsRead`: every picture has the same name. Counts what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def call(self, tool: str, arguments: dict[str, Any], *, agent_id: str) -> ToolAnswer:
        self.asked.append(tool)
        return ToolAnswer(content={"digest": "ab" * 32, "alt": "a chart"}, labels=())


async def a_desk(spec: str, asked: dict[str, Any], *materials: Material, platform: str = "sandbox") -> Desk:
    house = await SmallHouse().open()
    task = replace(await house.a_task(), input={"platform": platform, **FACTS, **asked})
    agent = replace(house.agent, permissions=(*house.agent.permissions, "media.make"))
    return Desk(assign(task, agent, materials=materials), spec=SPECS[spec], prompts=PROMPTS, tools=Drawing(),
                model=SayingModel(envelope({"text": SAID, "sources": []})))  # fmt: skip


async def a_part(number: int, *materials: Material) -> Draft:
    draft = await copy.write(await a_desk("copy.thread", {"part": number, "parts": 3}, *materials))
    assert not CONTRACTS.output_findings(SPECS["copy.thread"], draft.output)
    return draft


def act_of(draft: Draft) -> Action:
    assert draft.action is not None
    return draft.action


async def test_the_first_part_is_a_post_and_the_next_answers_the_one_before_it() -> None:
    first = act_of(await a_part(1))
    assert (first.kind, first.arguments.get("in_reply_to")) == ("post.publish", None)
    told = [Material(name=f"thread-{n}", content={"text": "x"}, labels=(), published=f"p-{n}") for n in (1, 2)]
    third = act_of(await a_part(3, *told))
    assert (third.kind, third.arguments["in_reply_to"]) == ("post.reply", "p-2")
    assert third.arguments["target_account"] == third.account, "it answers itself"


async def test_a_part_without_a_beginning_is_not_written() -> None:
    with pytest.raises(Invalid, match="thread_without_beginning"):
        await a_part(2, Material(name="trends", content={"trends": []}, labels=()))


async def test_a_caption_always_has_a_picture_and_never_the_models() -> None:
    desk = await a_desk("copy.caption", {"picture_kind": "chart", "bars": [{"name": "bosses", "value": 12}],
                                         "facts": ["There were 12 bosses."]})  # fmt: skip
    draft = await copy.write(desk)
    assert act_of(draft).arguments["media"] == [{"digest": "ab" * 32, "alt": "a chart"}] == draft.output["media"]
    assert not CONTRACTS.output_findings(SPECS["copy.caption"], draft.output)
    lying = envelope({"text": SAID, "sources": [], "media": [{"digest": "cd" * 32, "alt": "another"}]})
    told = await a_desk("copy.post", {})
    without = await copy.write(Desk(told.assignment, spec=SPECS["copy.post"], prompts=PROMPTS, tools=Drawing(),
                                    model=SayingModel(lying)))  # fmt: skip
    assert "media" not in without.output
    assert "media" not in act_of(without).arguments


@pytest.mark.parametrize(("platform", "spec", "limit"), [
    ("x", "copy.post", 280), ("sandbox", "copy.post", 300), ("mastodon", "copy.thread", 500),
    ("x", "copy.caption", 280), ("instagram", "copy.caption", 2_200), ("nowhere", "copy.caption", 2_200),
])  # fmt: skip
async def test_the_model_is_told_what_its_network_takes(platform: str, spec: str, limit: int) -> None:
    desk = await a_desk(spec, {"part": 1, "parts": 2}, platform=platform)
    assert desk.brief()["limit_graphemes"] == limit


@pytest.mark.parametrize("platform", NETWORKS)
def test_what_a_network_does_not_take_is_sent_back(platform: str) -> None:
    network, fits, check = NETWORKS[platform], Context(platform=platform), (Check("fits_network"),)
    assert network.graphemes_max is not None
    assert not run(check, {"text": "a" * network.graphemes_max}, fits)
    assert run(check, {"text": "a" * (network.graphemes_max + 1)}, fits)
    assert not run(check, {"text": "#a " * network.hashtags_max}, fits)
    assert run(check, {"text": "#a " * (network.hashtags_max + 1)}, fits)


def test_a_goal_may_ask_for_a_thread_and_a_captioned_picture() -> None:
    specs = {name: msgspec.to_builtins(SPECS[name]) for name in ("copy.post", "copy.thread", "copy.caption")}
    goal = {"text": f"Keep them company; there is {THREAD} and {CAPTION}.", "posts": 1, "topics": ["co-op week"]}
    steps = {step["key"]: step for step in plan({"goal": goal, "specs": specs}, Dice.of(1, "plan"))["steps"]}
    assert set(steps) == {"post-1", "thread-1", "thread-2", "thread-3", "caption"}
    assert steps["thread-3"]["after"] == ["thread-2"]
    assert all(not CONTRACTS.input_findings(SPECS[step["spec"]], step["input"]) for step in steps.values())


def test_the_offline_model_writes_parts_that_fit_and_end() -> None:
    persona = {"name": "Nova", "disclosure": "(AI persona)"}
    written = writing.WRITERS["copy.thread"]
    for seed in range(20):
        told = [written(reading.flat({"persona": persona, "input": {**FACTS, "part": part, "parts": THREAD_PARTS},
                                      "limit_graphemes": 300}), Dice.of(seed, part)) for part in (1, 2, 3)]  # fmt: skip
        assert all(graphemes.count(one["text"]) <= 300 and "(AI persona)" in one["text"] for one in told)
        assert f"in {THREAD_PARTS} parts" in told[0]["text"]
