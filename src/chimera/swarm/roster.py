"""What a manager knows of the fleet while it works: agents, kin, what was said lately. A view, never the truth."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable

from chimera.domain import labels, refusals, scopes
from chimera.domain.agent import Agent, AgentState
from chimera.domain.budget import QUOTAS, Cap
from chimera.domain.halt import Halt, HaltState
from chimera.domain.labels import Labels
from chimera.domain.permissions import needed_for_tool, permits
from chimera.domain.recent import Recent
from chimera.governance.confidences import Confidences
from chimera.governance.safety.likeness import Said
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Reads, every

FRESH_SECONDS = 5
# So many agents are kept, of those that are asked for; one that is asked for again is read again.
AGENTS_MAX = 32_768
# So many are learned from at once, while others wait: who is read for what they keep to themselves is not kept.
LEARNED_AT_ONCE_MAX = 200
RECENT_MAX = 12
HALTED_FRESH_US = 300_000
QUOTAS_FRESH_US = 1_000_000


class Glimpse:
    """Some scopes, read again when they are no longer fresh."""

    def __init__(self, read: Callable[[], Awaitable[frozenset[str]]], *, clock: Clock, fresh_us: int) -> None:
        self._read = read
        self._clock = clock
        self._fresh_us = fresh_us
        self._found: frozenset[str] = frozenset()
        self._read_us: int | None = None

    async def seen(self) -> frozenset[str]:
        """As they were a moment ago."""
        now_us, before_us = self._clock.now_us(), self._read_us
        if before_us is None or now_us - before_us > self._fresh_us:
            # Dated before it is read: a thousand who find it stale ask once, not a thousand times.
            self._read_us = now_us
            try:
                self._found = await self._read()
            except BaseException:
                self._read_us = before_us  # Who could not read has not read: the next one asks again.
                raise
        return self._found


class Roster:
    """Agents are read again when they have changed; effects checks them once more before it acts.

    What it costs to be fresh is what has changed, and what is kept is who is asked for (ADR-221). Whoever judges loads
    it: then it knows of every persona the names that it has, and a hash of what it keeps to itself.
    """

    def __init__(self, *, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._agents: Recent[str, Agent] = Recent(AGENTS_MAX)
        self._mark: int | None = None
        self._looked_us = 0
        self._loading = asyncio.Lock()
        self._learns = self._has_learned = False
        self._recent: Recent[str, deque[tuple[str, Labels]]] = Recent(AGENTS_MAX)
        self._said = Said()
        self.confidences = Confidences()
        self._plain_handles: set[str] = set()
        self._halted = Glimpse(reads.halted, clock=clock, fresh_us=HALTED_FRESH_US)
        self._paused = Glimpse(self._read_paused, clock=clock, fresh_us=HALTED_FRESH_US)
        self._quotas = Glimpse(self._read_quotas, clock=clock, fresh_us=QUOTAS_FRESH_US)

    async def load(self) -> None:
        """What every persona is called and keeps to itself, and what is halted. All who ask at once share one look.

        The managers of one process have one roster: the second slot that it takes finds the fleet read.
        """
        async with self._loading:
            # Before anybody is read: who changes meanwhile is read again.
            await self._freshen()
            if not self._has_learned:
                self._learns = True
                await self._learn_all()
                self._has_learned = True
        await self.resting()

    async def agents(self, identifiers: Iterable[str]) -> dict[str, Agent]:
        """The agents asked for, as they were `FRESH_SECONDS` ago or later."""
        wanted = set(identifiers)
        await self._freshen()
        found = {one: agent for one in wanted if (agent := self._known(one)) is not None}
        # Who was only installed may be active since: its first work would be refused for what it may not do yet.
        if unsure := {one for one in wanted if one not in found or found[one].state is AgentState.INSTALLED}:
            found.update(await self._read(unsure))
        return found

    async def may_use(self, agent_id: str, tool: str) -> bool:
        """Whether an agent is active and permitted what a read tool needs. An agent that is not known may nothing.

        While agent or tool are halted the answer is `Refused("halted")`: the work waits, and is not refused for good.
        """
        if met := {scopes.FLEET, scopes.agent(agent_id), scopes.tool(tool)} & await self.halted():
            raise refusals.halted(min(met))
        agent = (await self.agents((agent_id,))).get(agent_id)
        needed = needed_for_tool(tool)
        return agent is not None and needed is not None and agent.state is AgentState.ACTIVE and agent.may(needed)

    async def may_act(self, agent_id: str, action: str) -> bool:
        """Whether an agent is active and permitted this kind of action. Halted is `Refused`, as above."""
        if met := {scopes.FLEET, scopes.agent(agent_id)} & await self.halted():
            raise refusals.halted(min(met))
        agent = (await self.agents((agent_id,))).get(agent_id)
        return agent is not None and permits(agent.allowed, action)

    async def halted(self) -> frozenset[str]:
        """The halted scopes, a moment old at most; commit and effects look again."""
        return await self._halted.seen()

    async def resting(self) -> frozenset[str]:
        """The scopes in which nothing new is planned, halted or paused, a moment old at most."""
        return await self._halted.seen() | await self._paused.seen()

    async def quotas(self) -> frozenset[str]:
        """The scopes and periods for which people have set a quota, a second old at most."""
        return await self._quotas.seen()

    async def _read_paused(self) -> frozenset[str]:
        return frozenset([one.halted async for one in every(self._reads, Halt, states=(HaltState.PAUSED,))])

    async def _read_quotas(self) -> frozenset[str]:
        return frozenset([cap.key async for cap in every(self._reads, Cap, scope=QUOTAS)])

    def kin_among(self, agent: Agent, names: frozenset[str]) -> tuple[str, ...]:
        """Those of the names that are other personas of this fleet, however the name is written."""
        if not names:
            return ()
        own = {_plain(account.handle) for account in agent.accounts}
        return tuple(
            sorted(name for name in names if (plain := _plain(name)) in self._plain_handles and plain not in own)
        )

    def recent(self, agent_id: str) -> tuple[str, ...]:
        """What the agent said lately, newest last."""
        return tuple([text for text, _ in self._recent.get(agent_id, ())])

    def recent_labels(self, agent_id: str) -> Labels:
        """Every label of what the agent said lately."""
        return labels.union(*(carried for _, carried in self._recent.get(agent_id, ())))

    def recent_like(self, agent_id: str, text: str) -> tuple[str, ...]:
        """What the agent said lately, and what any persona of the fleet said that is nearly this text."""
        own = self.recent(agent_id)
        alike = self._said.alike(text) if text else ()
        return own if not alike else (*own, *(said for said in alike if said not in own))

    def said(self, agent_id: str, text: str, carried: Labels = ()) -> None:
        """Note what an agent is about to say, and what labels the words carry."""
        if text:
            lately = self._recent.get(agent_id)
            if lately is None:
                lately = deque[tuple[str, Labels]](maxlen=RECENT_MAX)
            lately.append((text, carried))
            self._recent[agent_id] = lately
            self._said.add(text)

    def _known(self, one: str) -> Agent | None:
        agent = self._agents.get(one)
        if agent is not None:
            self._agents.move_to_end(one)
        return agent

    async def _freshen(self) -> None:
        """Read anew who has changed. Dated before it is read, so that of a thousand who find it stale one asks."""
        now_us = self._clock.now_us()
        if self._mark is None:
            return await self._begin(now_us)
        if now_us - self._looked_us < FRESH_SECONDS * 1_000_000:
            return
        before_us, self._looked_us = self._looked_us, now_us
        try:
            changed = await self._reads.changed(Agent, since=self._mark)
            await self._read({one for one, version in changed.versions.items() if self._is_news(one, version)})
        except BaseException:
            self._looked_us = before_us  # Who could not read has not read: the next one asks again.
            raise
        self._mark = changed.mark

    async def _begin(self, now_us: int) -> None:
        """Where to begin. Nobody is read before that is known: who changes after the mark is read again.

        Whoever asks meanwhile asks too, and the first answer counts: all who go on have had one, and read after it.
        """
        begun = await self._reads.changed(Agent)
        if self._mark is None:
            self._mark, self._looked_us = begun.mark, now_us

    def _is_news(self, one: str, version: int) -> bool:
        known = self._agents.get(one)
        return self._learns if known is None else known.version != version

    async def _read(self, identifiers: Iterable[str]) -> dict[str, Agent]:
        wanted = sorted(identifiers)
        found: dict[str, Agent] = {}
        for start in range(0, len(wanted), LIST_MAX):
            for agent in await self._reads.get_many(Agent, wanted[start : start + LIST_MAX]):
                found[agent.id] = self._keep(agent)
        return found

    def _keep(self, agent: Agent) -> Agent:
        """The newer of what is known and what was read: answers may overtake each other."""
        known = self._agents.get(agent.id)
        self._agents[agent.id] = kept = agent if known is None or known.version < agent.version else known
        if self._learns:
            self._learn(kept)
        return kept

    async def _learn_all(self) -> None:
        after = ""
        while page := await self._reads.list(Agent, after=after, limit=LEARNED_AT_ONCE_MAX):
            for agent in page:
                self._learn(agent)
            after = page[-1].id

    def _learn(self, agent: Agent) -> None:
        self.confidences.keep(agent.id, (agent.persona.voice, *agent.persona.cast, *agent.goals))
        self._plain_handles.update(_plain(account.handle) for account in agent.accounts)


def _plain(handle: str) -> str:
    return handle.casefold().lstrip("@")
