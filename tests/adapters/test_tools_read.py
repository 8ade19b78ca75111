"""Read tools, with and without a wire: permitted, by schema, labelled, bounded, and never more than reading."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chimera.adapters.mcp.session import McpSession
from chimera.adapters.mcp.tools_read import McpToolsRead
from chimera.adapters.rehearsal.tools_read import RehearsalToolsRead
from chimera.connectors.sandbox import server
from chimera.domain import canonical, labels
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.domain.refusals import over_quota
from chimera.ports.tools_read import ToolsRead
from chimera.rehearsal import world
from chimera.rehearsal.attackers import Carrier
from chimera.rehearsal.scenario import DEMO
from chimera.rehearsal.world import World
from chimera.testing.manual_clock import ManualClock

pytestmark = pytest.mark.requirement("R-N5", "R-H1")
AGENT = "agent-1"


async def may(agent_id: str, tool: str) -> bool:
    return agent_id == AGENT and tool != "timeline"


@asynccontextmanager
async def over_mcp(*, answer_bytes_max: int = 32_768) -> AsyncGenerator[tuple[ToolsRead, World]]:
    clock = ManualClock()
    built = world.build(DEMO, clock)
    async with McpSession(server.build(built.line), clock) as session:
        yield McpToolsRead({"sandbox": session}, may_use=may, answer_bytes_max=answer_bytes_max), built


@asynccontextmanager
async def directly() -> AsyncGenerator[tuple[ToolsRead, World]]:
    built = world.build(DEMO, ManualClock())
    yield RehearsalToolsRead(built.line, may_use=may), built


BOTH = pytest.mark.parametrize("opened", [over_mcp, directly])


@BOTH
async def test_trends_are_read_and_labelled_as_a_stranger_s_word(opened: Any) -> None:
    async with opened() as (tools, built):
        answer = await tools.call("trends", {"platform": "sandbox", "limit": 3}, agent_id=AGENT)
        assert [row["topic"] for row in answer.content["trends"]] == [
            trend.topic for trend in built.network.society.trends(limit=3)]  # fmt: skip
        newest = [post.text for post in built.network.society.recent(limit=60)]
        assert all(text in newest for row in answer.content["trends"] for text in row["examples"])
        assert answer.labels == ("public", "tool:trends")
        assert labels.is_tainted(answer.labels)
        canonical.require_plain(answer.content)


@BOTH
async def test_a_thread_shows_who_speaks_and_what_they_say_of_themselves(opened: Any) -> None:
    async with opened() as (tools, built):
        post = built.network.society.recent()[0]
        answer = await tools.call("thread", {"thread_id": post.thread_id}, agent_id=AGENT)
        assert answer.content["posts"][0]["text"] == post.text
        assert answer.content["profiles"] == [
            {"account": post.account, "bio": built.network.society.profiles[post.account].bio}]  # fmt: skip


@BOTH
async def test_mentions_are_paged(opened: Any) -> None:
    async with opened() as (tools, built):
        society = built.network.society
        society.open_account("@us", ours=True)
        said = [society.say(built.audience.people[0].handle, f"@us take {number}", at_us=1).id for number in range(5)]
        first = await tools.call("mentions", {"account": "@us", "limit": 3}, agent_id=AGENT)
        rest = await tools.call("mentions", {"account": "@us", "after": first.content["next"]}, agent_id=AGENT)
        assert [post["id"] for post in first.content["posts"] + rest.content["posts"]] == said


@BOTH
async def test_what_is_not_permitted_known_or_by_schema_is_refused_by_name(opened: Any) -> None:
    async with opened() as (tools, _):
        with pytest.raises(Refused, match="tool_not_permitted"):
            await tools.call("trends", {}, agent_id="somebody-else")
        with pytest.raises(Refused, match="tool_not_permitted"):
            await tools.call("timeline", {}, agent_id=AGENT)
        with pytest.raises(Invalid, match="tool_unknown"):
            await tools.call("explode", {}, agent_id=AGENT)
        for wrong in ({"limit": "many"}, {"limit": 0}, {"limits": 3}):
            with pytest.raises(Invalid, match="tool_arguments"):
                await tools.call("trends", wrong, agent_id=AGENT)


@BOTH
async def test_an_outage_is_for_later(opened: Any) -> None:
    async with opened() as (tools, built):
        built.line.set_down(down=True)
        with pytest.raises(Unavailable):
            await tools.call("trends", {}, agent_id=AGENT)


async def test_what_writes_is_not_reachable_as_a_read_tool() -> None:
    async with over_mcp() as (tools, built):
        with pytest.raises(Refused, match="tool_not_read_only"):
            await tools.call("post", {"account": "@us", "key": "k", "text": "hi"}, agent_id=AGENT)
        assert built.network.records() == ()


async def test_a_platform_without_tools_is_named() -> None:
    async with over_mcp() as (tools, _):
        with pytest.raises(Invalid, match="platform_unknown"):
            await tools.call("trends", {"platform": "elsewhere"}, agent_id=AGENT)


async def test_a_long_answer_is_shortened_and_says_so() -> None:
    async with over_mcp(answer_bytes_max=300) as (tools, _):
        answer = await tools.call("trends", {"limit": 12}, agent_id=AGENT)
        assert set(answer.content) == {"notice", "text"}
        assert "300 are kept" in answer.content["notice"]
        assert len(answer.content["text"]) <= 300
        assert answer.labels == ("public", "tool:trends")


async def test_profiles_carry_attacks_into_read_tools() -> None:
    clock = ManualClock()
    built = world.build(DEMO, clock, accounts=("@us",))
    built.network.society.say("@us", "speedruns!", at_us=clock.now_us())
    clock.advance(30)
    built.audience.step(clock.now_us())
    profiled = next(attack for attack in built.truth.attacks.values() if attack.carrier == Carrier.PROFILE)
    tools = RehearsalToolsRead(built.line, may_use=may)
    answer = await tools.call("thread", {"thread_id": profiled.id}, agent_id=AGENT)
    assert answer.content["profiles"][0]["bio"] == profiled.text


# ── reads are calls ─────────────────────────────────────────────────────────────────────────────────────────────────


class TwoCalls:
    """Implements `ports.calls.Calls`: lets two be made."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str]] = []

    async def count(self, platform: str, *, account: str, agent_id: str) -> None:
        if len(self.made) == 2:
            raise over_quota("platform:sandbox|calls-hour|2026-11-22T03Z", left="no calls left")
        self.made.append((platform, account, agent_id))


@pytest.mark.requirement("R-E2")
async def test_every_read_of_a_network_is_counted_before_it_is_made() -> None:
    clock, calls = ManualClock(), TwoCalls()
    built = world.build(DEMO, clock)
    async with McpSession(server.build(built.line), clock) as session:
        tools = McpToolsRead({"sandbox": session}, may_use=may, calls=calls)
        for refused, error in (("timeline", Refused), ("post", Refused), ("nothing", Invalid)):
            with pytest.raises(error):
                await tools.call(refused, {"platform": "sandbox"}, agent_id=AGENT)
        with pytest.raises(Invalid):
            await tools.call("trends", {"platform": "sandbox", "limit": "many"}, agent_id=AGENT)
        assert calls.made == [], "what is not asked of the network is no call"
        await tools.call("trends", {"platform": "sandbox", "limit": 3}, agent_id=AGENT)
        await tools.call("trends", {"limit": 3}, agent_id=AGENT)
        with pytest.raises(Refused) as caught:
            await tools.call("trends", {"platform": "sandbox", "limit": 3}, agent_id=AGENT)
        assert (caught.value.code, caught.value.where) == ("over_quota", "platform:sandbox|calls-hour|2026-11-22T03Z")
        assert calls.made == [("sandbox", "", AGENT)] * 2
