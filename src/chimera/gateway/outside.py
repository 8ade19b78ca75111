"""Calls of outside agents that do something: each goes in as an input, and so through judge, gate, review and effects.

Writes as the office, and can perform nothing. Nobody who calls is ever asked to approve his own call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from chimera.domain import ids, labels, scopes
from chimera.domain.action import TOOLS
from chimera.domain.agent import Agent
from chimera.domain.budget import Cap
from chimera.domain.campaign import Campaign, CampaignState, Goal, Input, InputState
from chimera.domain.change import Change
from chimera.domain.errors import Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Performance
from chimera.domain.permissions import needed_for, permits
from chimera.domain.review import OPEN_STATES, Review
from chimera.domain.task import Task, TaskState
from chimera.gateway.offered import PROPOSALS
from chimera.pipeline.intake import Arrival, Intake
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.store import Store

CALL_BUDGET_MICROS = 100_000
WAIT_SECONDS_MAX = 2.0
POLL_SECONDS = 0.05
_ENDED = {TaskState.REFUSED: "refused", TaskState.FAILED: "failed", TaskState.DROPPED: "refused"}


class ToolCall(Struct, frozen=True, kw_only=True):
    """A call of a tool that does more than read: the kind of action that it is, and its arguments as text."""

    action: str
    tool: str
    arguments: str


class Outcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What has become of a call."""

    status: str
    call_id: str = ""
    review_id: str = ""
    reasons: tuple[str, ...] = ()
    receipt: dict[str, Any] = {}

    def told(self) -> dict[str, Any]:
        """As the caller reads it."""
        return msgspec.to_builtins(self)


class OutsideCalls:
    """One campaign for each call: with its own small budget, ended by itself."""

    def __init__(
        self, *, store: Store, intake: Intake, clock: Clock, ids_from: Ids, prices: Mapping[str, int] | None = None
    ) -> None:
        self._prices = prices or {}
        self._store = store
        self._intake = intake
        self._clock = clock
        self._ids = ids_from

    async def propose(self, agent_id: str, tool: str, payload: dict[str, Any]) -> Outcome:
        """Propose an act; what came of it within a moment, or that it is under way or waits for a person."""
        kind, action = PROPOSALS[tool]
        agent = await self._permitted(agent_id, action, where=tool)
        return await self._proposed(agent, kind, payload, platform=agent.accounts[0].platform)

    async def propose_call(self, agent_id: str, call: ToolCall) -> Outcome:
        """Propose to have a tool of a tool server called; answered as any other proposal is."""
        agent = await self._permitted(agent_id, call.action, where=call.tool)
        payload = {"tool": call.tool, "arguments": call.arguments}
        price = self._prices.get(call.tool, self._prices.get(call.tool.partition("/")[2], 0))
        return await self._proposed(agent, call.action.replace(".", "_"), payload, platform=TOOLS, price_micros=price)

    async def _permitted(self, agent_id: str, action: str, *, where: str) -> Agent:
        agent = await self._store.get(Agent, agent_id)
        if not permits(agent.allowed, action):
            needed = needed_for(action)
            raise Refused("tool_not_permitted", f"the agent may not {action}", where=where[:200],
                          remedy=f"add {needed} to its manifest")  # fmt: skip
        return agent

    async def _proposed(
        self, agent: Agent, kind: str, payload: dict[str, Any], *, platform: str, price_micros: int = 0
    ) -> Outcome:
        call_id = await self._open(agent, platform=platform, budget_micros=CALL_BUDGET_MICROS + price_micros)
        await self._intake.accept(
            Arrival(campaign_id=call_id, agent_id=agent.id, kind=kind, payload=payload,
                    labels=(labels.PUBLIC,))
        )  # fmt: skip
        return await self._soon(call_id, agent.id)

    async def result(self, identifier: str, *, agent_id: str) -> Outcome:
        """What has become of a call, by its own id or by its review's. Other agents' calls do not exist."""
        ids.parse(identifier)
        review = await self._store.find(Review, identifier)
        call_id = review.campaign_id if review is not None else identifier
        campaign = await self._store.find(Campaign, call_id)
        if campaign is None or campaign.agent_id != agent_id:
            raise _unknown(identifier)
        outcome = await self._now(call_id)
        ended = campaign.state is CampaignState.CANCELLED and outcome.status != "done"
        return Outcome(status="cancelled", call_id=call_id) if ended else outcome

    async def cancel(self, call_id: str, *, agent_id: str) -> None:
        """End a call of this agent, unless it has ended: what was granted already is performed all the same."""
        campaign = await self._store.find(Campaign, ids.parse(call_id))
        if campaign is None or campaign.agent_id != agent_id:
            raise _unknown(call_id)
        await self._intake.cancel_campaign(call_id, by=f"agent:{agent_id}", reason="its caller took it back",
                                           version=campaign.version)  # fmt: skip

    async def _open(self, agent: Agent, *, platform: str, budget_micros: int) -> str:
        call_id = self._ids.new()
        goal = Goal(text="a call of an outside agent", agent=agent.id, platform=platform, budget_micros=budget_micros)
        # Running from the start: there is no goal to plan, only one input to answer.
        campaign = Campaign(id=call_id, agent_id=agent.id, goal=goal, state=CampaignState.RUNNING)
        cap = Cap(id=ids.derive(call_id, "cap"), limited=scopes.campaign(call_id), period="total",
                  micros=budget_micros)  # fmt: skip
        told = {"agent": agent.id, "by": f"agent:{agent.id}", "budget_micros": budget_micros}
        opened = Event(kind=EventKind.CAMPAIGN_OPENED, subject=call_id, at_us=self._clock.now_us(), data=told)
        begins_in = (scopes.FLEET, scopes.agent(agent.id))
        await self._store.commit(Change(records=(campaign, cap), events=(opened,), begins_in=begins_in))
        return call_id

    async def _soon(self, call_id: str, agent_id: str) -> Outcome:
        """Wait a moment for an answer: most calls are decided at once. Who waits for a person is told so at once."""
        for _ in range(round(WAIT_SECONDS_MAX / POLL_SECONDS)):
            outcome = await self.result(call_id, agent_id=agent_id)
            if outcome.status != "pending":
                return outcome
            await self._clock.sleep(POLL_SECONDS)
        return Outcome(status="pending", call_id=call_id)

    async def _now(self, call_id: str) -> Outcome:
        tasks = await self._store.list(Task, scope=call_id, limit=2)
        if not tasks:
            return await self._unplanned(call_id)
        task = tasks[0]
        if task.state is TaskState.HELD:
            return await self._held(call_id, task)
        if task.state is TaskState.DONE:
            performed = await self._store.find(Performance, task.grant_id) if task.grant_id else None
            receipt = performed.receipt if performed is not None else {}
            return Outcome(status="done", call_id=call_id, receipt=dict(receipt or {}))
        if task.state in _ENDED:
            why = (task.reason, *task.feedback)
            return Outcome(status=_ENDED[task.state], call_id=call_id, reasons=tuple(text for text in why if text))
        return Outcome(status="pending", call_id=call_id)

    async def _unplanned(self, call_id: str) -> Outcome:
        inputs = await self._store.list(Input, scope=call_id, limit=2)
        if any(one.state is InputState.DROPPED for one in inputs):
            return Outcome(status="refused", call_id=call_id, reasons=("the fleet does not take it from this agent",))
        return Outcome(status="pending", call_id=call_id)

    async def _held(self, call_id: str, task: Task) -> Outcome:
        """A person is asked; whom nobody has answered yet. What was ruled on is under way, or will be asked anew."""
        waiting = await self._store.list(Review, states=OPEN_STATES, scope=task.id)
        if not waiting:
            return Outcome(status="pending", call_id=call_id)
        newest = max(waiting, key=lambda review: review.opened_at_us)
        return Outcome(status="held", call_id=call_id, review_id=newest.id, reasons=newest.reasons)


def _unknown(identifier: str) -> Missing:
    return Missing("call_unknown", "there is no such call of this agent", where=identifier,
                   remedy="use the id that the call was answered with")  # fmt: skip
