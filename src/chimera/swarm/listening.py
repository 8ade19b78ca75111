"""Listens to what the networks say to our accounts, and brings it to intake. Answers nobody itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from msgspec import Struct

from chimera.domain import labels
from chimera.domain.agent import Account, Agent
from chimera.domain.consent import ConsentState, Purpose
from chimera.domain.durations import DAY_US
from chimera.domain.errors import ChimeraError, Conflict, Invalid, Refused
from chimera.domain.heard import heard
from chimera.domain.quotas import listening_pause_us
from chimera.domain.recent import Recent
from chimera.governance.privacy.consents import Consents, Word
from chimera.pipeline.intake import Arrival, Intake
from chimera.ports.clock import Clock
from chimera.ports.store import Reads
from chimera.ports.tools_read import ToolsRead
from chimera.skills.community.triage import Decision, triage
from chimera.swarm.loops import log
from chimera.swarm.updates import OpenCampaigns, Updates

DEPTH_MAX = 4
# In one conversation all our personas together answer so often, whoever speaks to them.
THREAD_ANSWERS_MAX = 4
# And one persona one author in a day: somebody who asks again next week is no machine.
ANSWERS_PER_AUTHOR_MAX = 3
# So many conversations and people of a day are remembered: who has been silent for longest begins anew.
KEPT_MAX = 100_000
# Where a network's calls are used up, somebody may allow more, or the next window begin.
REFUSED_PAUSE_US = 15_000_000
MENTIONS_MAX = 50
POLLED_AT_ONCE_MAX = 16
# The first look at ten thousand campaigns and agents takes a second, and one while many change as long as they do.
LOOKED_ONE_IN = 20
# What a kind word and abuse become: inputs of their own kinds, which are answered by a like and by a block.
KINDS = {Decision.LIKE: "thanks", Decision.BLOCK: "abuse"}


class Ear(Struct, frozen=True):
    """One account that is listened to, and whose it is. There is one for every agent."""

    agent_id: str
    account: Account


class Listening:
    """Asks every network for mentions since the last time. After a crash it asks from the start: intake knows them.

    An account is asked as often as its network's calls allow; where they are used up, not before long.
    """

    def __init__(
        self, *, intake: Intake, reads: Reads, tools: ToolsRead, clock: Clock, consents: Consents | None = None,
        campaigns: OpenCampaigns | None = None,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._heard_us: dict[Account, int] = {}
        self._refused_us: dict[Account, int] = {}
        self._consents = consents
        self._in_thread: Recent[tuple[str, str], int] = Recent(KEPT_MAX)
        self._intake = intake
        self._tools = tools
        self._cursors: dict[Account, int] = {}
        self._answered: Recent[tuple[str, str, int], int] = Recent(KEPT_MAX)
        self._slots = asyncio.Semaphore(POLLED_AT_ONCE_MAX)
        self._ears: dict[str, tuple[Ear, ...]] = {}
        self._kin: Counter[str] = Counter()
        self._agents = Updates(reads, Agent, self._note)
        self._campaigns = campaigns or OpenCampaigns(reads)
        self._look_us = 0
        self.is_open = True

    async def once(self) -> bool:
        """One round over all accounts; whether anything was said to any of them."""
        if not self.is_open:
            return False
        await self._look()
        heard = [self._hear(ear, campaign_id) for agent_id, ears in self._ears.items()
                 if (campaign_id := self._campaigns.newest_of(agent_id))
                 for ear in ears if self._is_due(ear.account)]  # fmt: skip
        return any(await asyncio.gather(*heard))

    def _is_due(self, account: Account) -> bool:
        """A clock that was set back asks at once."""
        now_us = self._clock.now_us()
        waits = ((self._heard_us, listening_pause_us(account.platform)), (self._refused_us, REFUSED_PAUSE_US))
        return not any(0 <= now_us - since[account] < pause_us for since, pause_us in waits if account in since)

    async def _look(self) -> None:
        """Who listens, and for which campaign; looked for anew as often as that takes a small part of the time."""
        began_us = self._clock.now_us()
        if began_us >= self._look_us:
            await self._agents.look()
            await self._campaigns.look()
            self._look_us = began_us + LOOKED_ONE_IN * (self._clock.now_us() - began_us)

    def _note(self, agent: Agent) -> None:
        """Accounts of active agents that may read mentions, and of nobody else."""
        listens = agent.state == "active" and agent.may("mentions.read")
        before = self._ears.pop(agent.id, ())
        if ears := tuple(Ear(agent.id, account) for account in agent.accounts if listens):
            self._ears[agent.id] = ears
        self._kin.subtract(ear.account.handle for ear in before)
        self._kin.update(ear.account.handle for ear in ears)
        for ear in before:
            if not self._kin[ear.account.handle]:
                del self._kin[ear.account.handle]

    async def _hear(self, ear: Ear, campaign_id: str) -> bool:
        async with self._slots:
            after = self._cursors.get(ear.account, 0)
            asked = {"platform": ear.account.platform, "account": ear.account.handle, "after": after,
                     "limit": MENTIONS_MAX}  # fmt: skip
            self._heard_us[ear.account] = self._clock.now_us()
            try:
                heard = await self._tools.call("mentions", asked, agent_id=ear.agent_id)
                posts: list[dict[str, Any]] = heard.content.get("posts", [])
                for post in posts:
                    await self._bring(ear, post, campaign_id)
            except ChimeraError as error:
                # The cursor stays: what was not brought in is asked for again.
                log.info("an account is listened to again later", account=ear.account.handle, why=str(error))
                if error.code == "over_quota":
                    self._refused_us[ear.account] = self._clock.now_us()
                return False
            self._cursors[ear.account] = int(heard.content.get("next", after))
            return bool(posts)

    async def _bring(self, ear: Ear, post: dict[str, Any], campaign_id: str) -> None:
        author = str(post.get("author", ""))
        thread = (ear.account.platform, str(post.get("thread_id") or post.get("id", "")))
        if author in self._kin:
            return
        payload = {"platform": ear.account.platform, "post_id": str(post.get("id", "")), "author": author,
                   "text": _heard(post)}  # fmt: skip
        seen = triage(payload["text"])
        arrival = Arrival(
            campaign_id=campaign_id,
            agent_id=ear.agent_id,
            kind=KINDS.get(seen.decision, "mention"),
            payload=payload,
            labels=(labels.PUBLIC,),
            key=payload["post_id"],
            at_us=int(post.get("at_us", 0)),
        )
        of_day = (ear.agent_id, author, arrival.at_us // DAY_US)
        if seen.is_crisis:
            # Before every limit: somebody in need is heard even where a machine would be left alone.
            await self._accept(arrival, escalate=seen.reason)
        elif int(post.get("depth", 0)) > DEPTH_MAX or await self._has_opted_out(author):
            return
        elif seen.is_opt_out and self._consents is not None:
            await self._note_opt_out(self._consents, author)
            log.info("somebody wants no answer any more", post=arrival.key)
        elif (
            self._answered.get(of_day, 0) < ANSWERS_PER_AUTHOR_MAX
            and self._in_thread.get(thread, 0) < THREAD_ANSWERS_MAX
        ):
            # Nobody is answered for ever: two machines that thank each other do not stop by themselves.
            await self._accept(arrival)
            self._answered[of_day] = self._answered.get(of_day, 0) + 1
            self._in_thread[thread] = self._in_thread.get(thread, 0) + 1

    async def _has_opted_out(self, author: str) -> bool:
        return self._consents is not None and await self._consents.has_withdrawn(author, Purpose.ANSWER)

    async def _note_opt_out(self, consents: Consents, author: str) -> None:
        """Nothing more from us: no answer, no word of our own accord, and nothing learnt from them."""
        for purpose in Purpose:
            await consents.note(Word(person=author, purpose=purpose, state=ConsentState.WITHDRAWN, by="listening",
                                     why="said so in a mention"))  # fmt: skip

    async def _accept(self, arrival: Arrival, *, escalate: str = "") -> None:
        try:
            await (self._intake.escalate(arrival, reason=escalate) if escalate else self._intake.accept(arrival))
        except Conflict:
            return  # It was admitted before a crash or a lost reply.
        except (Invalid, Refused) as refusal:
            if refusal.code == "halted":
                raise
            log.info("an arrival is refused", post=arrival.key, why=str(refusal))


def _heard(post: dict[str, Any]) -> str:
    """What somebody said with everything that they show beside it: all of it is looked at, and labelled, as theirs."""
    return heard(str(post.get("text", "")), alt=str(post.get("alt", "")), card=str(post.get("card", "")))
