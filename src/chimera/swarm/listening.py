"""Listens to what the networks say to our accounts, and brings it to intake. Answers nobody itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from msgspec import Struct

from chimera.domain import labels
from chimera.domain.agent import Account, Agent
from chimera.domain.campaign import Campaign
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused
from chimera.pipeline.intake import Arrival, Intake
from chimera.ports.store import LIST_MAX, Reads
from chimera.ports.tools_read import ToolsRead
from chimera.swarm.loops import log

DEPTH_MAX = 4
ANSWERS_PER_AUTHOR_MAX = 3
MENTIONS_MAX = 50
POLLED_AT_ONCE_MAX = 16


class Ear(Struct, frozen=True):
    """One account that is listened to, and the campaign that answers."""

    agent: Agent
    account: Account
    campaign_id: str


class Listening:
    """Asks every network for mentions since the last time. After a crash it asks from the start: intake knows them."""

    def __init__(self, *, intake: Intake, reads: Reads, tools: ToolsRead) -> None:
        self._intake = intake
        self._reads = reads
        self._tools = tools
        self._cursors: dict[Account, int] = {}
        self._answered: Counter[tuple[str, str]] = Counter()
        self._slots = asyncio.Semaphore(POLLED_AT_ONCE_MAX)
        self.is_open = True

    async def once(self) -> bool:
        """One round over all accounts; whether anything was said to any of them."""
        if not self.is_open:
            return False
        ears = await self._ears()
        kin = frozenset(ear.account.handle for ear in ears)
        return any(await asyncio.gather(*(self._hear(ear, kin) for ear in ears)))

    async def _ears(self) -> list[Ear]:
        """Accounts of active agents that may read mentions and have a campaign that is not over."""
        campaigns = await self._reads.list(Campaign, states=("opened", "running"), limit=LIST_MAX)
        agents = await self._reads.get_many(Agent, sorted({campaign.agent_id for campaign in campaigns}))
        campaign_of = {campaign.agent_id: campaign.id for campaign in campaigns}
        return [
            Ear(agent, account, campaign_of[agent.id])
            for agent in agents
            if agent.state == "active" and agent.may("mentions.read")
            for account in agent.accounts
        ]

    async def _hear(self, ear: Ear, kin: frozenset[str]) -> bool:
        async with self._slots:
            after = self._cursors.get(ear.account, 0)
            asked = {"platform": ear.account.platform, "account": ear.account.handle, "after": after,
                     "limit": MENTIONS_MAX}  # fmt: skip
            try:
                heard = await self._tools.call("mentions", asked, agent_id=ear.agent.id)
                posts: list[dict[str, Any]] = heard.content.get("posts", [])
                for post in posts:
                    await self._bring(ear, post, kin)
            except ChimeraError as error:
                # The cursor stays: what was not brought in is asked for again.
                log.info("an account is listened to again later", account=ear.account.handle, why=str(error))
                return False
            self._cursors[ear.account] = int(heard.content.get("next", after))
            return bool(posts)

    async def _bring(self, ear: Ear, post: dict[str, Any], kin: frozenset[str]) -> None:
        author = str(post.get("author", ""))
        if author in kin or int(post.get("depth", 0)) > DEPTH_MAX or self._is_circle(ear, author):
            return
        payload = {"platform": ear.account.platform, "post_id": str(post.get("id", "")), "author": author,
                   "text": str(post.get("text", ""))}  # fmt: skip
        arrival = Arrival(
            campaign_id=ear.campaign_id,
            agent_id=ear.agent.id,
            kind="mention",
            payload=payload,
            labels=(labels.PUBLIC,),
            key=payload["post_id"],
            at_us=int(post.get("at_us", 0)),
        )
        await self._accept(arrival)
        self._answered[(ear.agent.id, author)] += 1

    async def _accept(self, arrival: Arrival) -> None:
        try:
            await self._intake.accept(arrival)
        except Conflict:
            return  # It was admitted before a crash or a lost reply.
        except (Invalid, Refused) as refusal:
            if refusal.code == "halted":
                raise
            log.info("an arrival is refused", post=arrival.key, why=str(refusal))

    def _is_circle(self, ear: Ear, author: str) -> bool:
        """Nobody is answered for ever: two machines that thank each other do not stop by themselves."""
        return self._answered[(ear.agent.id, author)] >= ANSWERS_PER_AUTHOR_MAX
