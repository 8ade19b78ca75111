"""Follows the feeds that agents name, and brings each item to intake once, as a stranger's word. Answers nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct

from chimera.domain import ids, labels
from chimera.domain.agent import Agent
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused
from chimera.pipeline.intake import Arrival, Intake
from chimera.ports.store import Reads
from chimera.ports.tools_read import ToolsRead
from chimera.swarm.loops import log
from chimera.swarm.updates import OpenCampaigns, Updates

NEWS = "news"
PERMISSION = "web.read"
ITEMS_MAX = 20
NEW_AT_ONCE_MAX = 5
# What was published longer than this before the campaign began is no news to it.
OLD_US = DAY_US
FEEDS_AT_ONCE_MAX = 8
SEEN_MAX = 50_000


class Follower(Struct, frozen=True):
    """One feed that one agent follows, and the campaign that its items are for."""

    agent: Agent
    feed: str
    campaign_id: str


class Following:
    """Reads every feed in turn. After a crash it begins anew: intake knows what it has admitted."""

    def __init__(
        self, *, intake: Intake, reads: Reads, tools: ToolsRead, campaigns: OpenCampaigns | None = None
    ) -> None:
        self._intake = intake
        self._tools = tools
        self._seen: set[str] = set()
        self._readers: dict[str, Agent] = {}
        self._agents = Updates(reads, Agent, self._note)
        self._campaigns = campaigns or OpenCampaigns(reads)
        self._slots = asyncio.Semaphore(FEEDS_AT_ONCE_MAX)

    async def once(self) -> bool:
        """One round over all feeds; whether there was anything new."""
        followers = await self._followers()
        return any(await asyncio.gather(*(self._read(one) for one in followers)))

    async def _followers(self) -> list[Follower]:
        """Feeds of active agents that may read the web and have a campaign that is not over."""
        await self._agents.look()
        await self._campaigns.look()
        return [Follower(agent, feed, campaign_id) for agent in self._readers.values()
                if (campaign_id := self._campaigns.newest_of(agent.id)) for feed in agent.feeds]  # fmt: skip

    def _note(self, agent: Agent) -> None:
        """Only who follows is kept."""
        self._readers.pop(agent.id, None)
        if agent.feeds and agent.state == "active" and agent.may(PERMISSION):
            self._readers[agent.id] = agent

    async def _read(self, follower: Follower) -> bool:
        async with self._slots:
            asked = {"url": follower.feed, "limit": ITEMS_MAX}
            try:
                told = await self._tools.call("feed", asked, agent_id=follower.agent.id)
                items: list[dict[str, Any]] = told.content.get("items", [])
                fresh = [one for one in items if self._is_news(follower, one)][-NEW_AT_ONCE_MAX:]
                # Oldest first, as it happened.
                brought = [await self._bring(follower, item, told.labels) for item in reversed(fresh)]
            except ChimeraError as error:
                log.info("a feed is read again later", feed=follower.feed, why=str(error))
                return False
            return any(brought)

    def _is_news(self, follower: Follower, item: dict[str, Any]) -> bool:
        at_us = int(item.get("at_us", 0))
        is_old = 0 < at_us < ids.at_us(follower.campaign_id) - OLD_US
        return not is_old and _id_of(follower, item) not in self._seen

    async def _bring(self, follower: Follower, item: dict[str, Any], carried: labels.Labels) -> bool:
        """Whether it came in now, and had not come in before."""
        arrival = Arrival(
            campaign_id=follower.campaign_id,
            agent_id=follower.agent.id,
            kind=NEWS,
            payload={"feed": follower.feed, **{name: str(item.get(name, "")) for name in ("title", "text", "link")}},
            labels=labels.union(carried, (labels.PUBLIC,)),
            key=f"{follower.feed}\x1f{item.get('id', '')}",
            # By the campaign's own time: a feed that changes its dates says nothing new.
            at_us=ids.at_us(follower.campaign_id),
        )
        is_new = await self._accepted(arrival)
        # Only now: what an outage kept out is brought again.
        if len(self._seen) >= SEEN_MAX:
            self._seen.clear()
        self._seen.add(_id_of(follower, item))
        return is_new

    async def _accepted(self, arrival: Arrival) -> bool:
        try:
            await self._intake.accept(arrival)
        except Conflict:
            return False  # It was admitted before a crash or a lost reply.
        except (Invalid, Refused) as refusal:
            if refusal.code == "halted":
                raise
            log.info("an item of a feed is refused", feed=str(arrival.payload["feed"]), why=str(refusal))
            return False
        return True


def _id_of(follower: Follower, item: dict[str, Any]) -> str:
    return ids.derive(follower.campaign_id, follower.feed, str(item.get("id", "")))
