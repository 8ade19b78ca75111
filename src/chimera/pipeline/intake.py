"""The way in: every goal and every arrival is cleaned, labelled and admitted or refused, and either is on record."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids, scopes
from chimera.domain.agent import Agent, AgentState
from chimera.domain.budget import Cap
from chimera.domain.campaign import REPLAN, Campaign, CampaignCommand, CampaignState, Goal, Input, InputState
from chimera.domain.canonical import encode, require_text
from chimera.domain.change import Change
from chimera.domain.consent import PURPOSE_OF, Purpose
from chimera.domain.errors import Conflict, Invalid, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.halt import Halt
from chimera.domain.labels import OPERATOR, SECRET, TRUSTED, Labels, union
from chimera.domain.quoting import unquoted
from chimera.domain.record import Record
from chimera.domain.subjects import author_of
from chimera.domain.threat import ThreatLevel
from chimera.governance.privacy.consents import Consents
from chimera.governance.security.gateway import PAYLOAD_BYTES_MAX, Assessment, SecurityGateway
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.store import Store

GOAL_LENGTH_MAX = 2_000
POSTS_MAX = 100
REPLANS_MAX = 3


class Arrival(Struct, frozen=True, kw_only=True):
    """Something that came from outside for a campaign: a mention, a reply, a trend."""

    campaign_id: str
    agent_id: str
    kind: str
    payload: dict[str, Any]
    labels: Labels
    key: str = ""
    at_us: int = 0

    @property
    def own_id(self) -> str | None:
        """Told twice by the network, it is admitted once: the id comes from its time and its key there."""
        return ids.at_time(self.at_us, self.campaign_id, self.key) if self.key else None


class Intake:
    """Writes as the office. Decides nothing but whether to let something in."""

    def __init__(
        self, *, security: SecurityGateway, store: Store, clock: Clock, ids: Ids, consents: Consents | None = None
    ) -> None:
        self._consents = consents
        self._security = security
        self._store = store
        self._clock = clock
        self._ids = ids

    async def open_campaign(self, goal: Goal, *, by: str) -> Campaign:
        """A campaign for a goal of an operator, with its own budget window."""
        _require_goal(goal)
        if 0 < goal.ends_at_us <= self._clock.now_us():
            raise Invalid("goal_ends", "the time of this goal is over already", where="goal.ends_at_us",
                          remedy="name an end that lies ahead, or none")  # fmt: skip
        self._security.assess({"goal": goal.text, "constraints": list(goal.constraints)}, labels=(OPERATOR,))
        agent = await self._store.get(Agent, goal.agent)
        if agent.state is not AgentState.ACTIVE:
            raise Refused(
                "agent_not_active", f"{agent.name} is {agent.state}", where="goal.agent", remedy="activate it first"
            )
        campaign = Campaign(id=self._ids.new(), agent_id=agent.id, goal=goal)
        cap = Cap(
            id=ids.derive(campaign.id, "cap"),
            limited=scopes.campaign(campaign.id),
            period="total",
            micros=goal.budget_micros,
        )
        opened = self._event(
            EventKind.CAMPAIGN_OPENED, campaign.id, agent=agent.id, by=by, budget_micros=goal.budget_micros
        )
        await self._store.commit(
            Change(records=(campaign, cap), events=(opened,), begins_in=(scopes.FLEET, scopes.agent(agent.id)))
        )
        return campaign

    async def ask_for_plan(self, campaign_id: str, *, wish: str, by: str) -> Input:
        """A person's wish for another plan of what has not begun yet. The planner answers it like any input."""
        if not wish.strip() or len(wish) > GOAL_LENGTH_MAX:
            raise Invalid("wish_text", f"a wish has 1 to {GOAL_LENGTH_MAX} characters", where="wish",
                          remedy="say in a few words what should be planned instead")  # fmt: skip
        require_text(wish, where="wish")
        campaign = await self._store.get(Campaign, campaign_id)
        if campaign.state is not CampaignState.RUNNING:
            raise Conflict("campaign_not_running", f"the campaign is {campaign.state}", where=campaign_id,
                           remedy="only a running campaign is planned anew; open another one")  # fmt: skip
        return await self.accept(Arrival(campaign_id=campaign_id, agent_id=campaign.agent_id, kind=REPLAN,
                                         payload={"wish": wish, "by": by}, labels=TRUSTED))  # fmt: skip

    async def cancel_campaign(self, campaign_id: str, *, by: str, reason: str, version: int) -> Campaign:
        """The campaign cancelled, and its scope halted in the same commit: nothing begins in it any more."""
        require_text(reason, where="reason")
        campaign = await self._store.get(Campaign, campaign_id)
        if campaign.version != version:
            raise Conflict("version_stale", f"the campaign is at version {campaign.version}, not {version}",
                           where=campaign_id, remedy="look at it again")  # fmt: skip
        after, scope = campaign.after(CampaignCommand.CANCEL), scopes.campaign(campaign_id)
        records: tuple[Record, ...] = (after,)
        if scope not in await self._store.halted():
            halt = Halt(id=ids.derive(campaign_id, "cancelled"), halted=scope, reason=reason[:500], by=by,
                        since_us=self._clock.now_us())  # fmt: skip
            records = (after, halt)
        event = self._event(EventKind.CAMPAIGN_CHANGED, campaign_id, state=str(after.state), by=by, why=reason[:500])
        await self._store.commit(Change(records=records, events=(event,)))
        return after

    async def accept(self, arrival: Arrival) -> Input:
        """Admit an arrival, or put on record why not and raise `Refused`."""
        admitted_id = arrival.own_id or self._ids.new()
        try:
            arrival = await self._consented(arrival)
            assessment = self._assess(arrival)
        except (Invalid, Refused) as refusal:
            await self._store.commit(
                Change(
                    events=(
                        self._event(
                            EventKind.INPUT_REFUSED,
                            admitted_id,
                            campaign=arrival.campaign_id,
                            code=refusal.code,
                            why=_printable(refusal.message),
                        ),
                    )
                )
            )
            raise
        return await self._admit(arrival, admitted_id, assessment)

    async def _consented(self, arrival: Arrival) -> Arrival:
        """Who does not want to be heard is not kept; who is not to be told of is secret."""
        author, purpose = author_of(arrival.payload), PURPOSE_OF.get(arrival.kind)
        if self._consents is None or not author:
            return arrival
        if purpose is not None:
            await self._consents.require(author, purpose)
        if await self._consents.has_withdrawn(author, Purpose.SHARE):
            return replace(arrival, labels=union(arrival.labels, (SECRET,)))
        return arrival

    async def escalate(self, arrival: Arrival, *, reason: str) -> Input:
        """Put on record that a person has to look at this, and that no plan will: no machine answers it."""
        kept = Input(
            id=arrival.own_id or self._ids.new(), campaign_id=arrival.campaign_id, kind=arrival.kind,
            payload=arrival.payload, labels=arrival.labels, threat=str(ThreatLevel.LOW),
            admitted_at_us=self._clock.now_us(), state=InputState.DROPPED,
        )  # fmt: skip
        told = self._event(EventKind.INPUT_ESCALATED, kept.id, campaign=arrival.campaign_id, agent=arrival.agent_id,
                           about=arrival.kind, why=_printable(unquoted(reason)))  # fmt: skip
        await self._store.commit(Change(records=(kept,), events=(told,)))
        return kept

    def _assess(self, arrival: Arrival) -> Assessment:
        assessment = self._security.assess(arrival.payload, labels=arrival.labels)
        size = len(encode(arrival.payload))
        if size > PAYLOAD_BYTES_MAX:
            raise Invalid(
                "input_too_large",
                f"the input has {size} bytes, {PAYLOAD_BYTES_MAX} are allowed",
                where="input",
                remedy="send less",
            )
        if assessment.level is ThreatLevel.CRITICAL:
            raise Refused(
                "input_is_attack",
                "; ".join(assessment.reasons)[:500],
                where="input",
                remedy="answer by hand if an answer is owed",
            )
        return assessment

    async def _admit(self, arrival: Arrival, admitted_id: str, assessment: Assessment) -> Input:
        admitted = Input(
            id=admitted_id,
            campaign_id=arrival.campaign_id,
            kind=arrival.kind,
            payload=arrival.payload,
            labels=arrival.labels,
            threat=str(assessment.level),
            admitted_at_us=self._clock.now_us(),
            purpose=PURPOSE_OF.get(arrival.kind, "") if author_of(arrival.payload) else "",
        )
        noted = self._event(
            EventKind.INPUT_ADMITTED,
            admitted.id,
            campaign=arrival.campaign_id,
            about=arrival.kind,
            labels=arrival.labels,
            threat=admitted.threat,
            reasons=assessment.reasons,
        )
        await self._store.commit(
            Change(
                records=(admitted,),
                events=(noted,),
                begins_in=(scopes.FLEET, scopes.campaign(arrival.campaign_id), scopes.agent(arrival.agent_id)),
            )
        )
        return admitted

    def _event(self, kind: EventKind, subject: str, **data: Any) -> Event:
        return Event(kind=kind, subject=subject, at_us=self._clock.now_us(), data=data)


def _require_goal(goal: Goal) -> None:
    if not goal.text.strip() or len(goal.text) > GOAL_LENGTH_MAX:
        raise Invalid(
            "goal_text",
            f"a goal has 1 to {GOAL_LENGTH_MAX} characters",
            where="goal.text",
            remedy="say in up to 2000 characters what is wanted",
        )
    if goal.budget_micros <= 0:
        raise Invalid(
            "goal_budget",
            "a goal has a budget of more than zero",
            where="goal.budget_micros",
            remedy="give it one of more than zero",
        )
    if not 1 <= goal.posts <= POSTS_MAX:
        raise Invalid(
            "goal_posts",
            f"a goal asks for 1 to {POSTS_MAX} posts",
            where="goal.posts",
            remedy="choose a number in the range that the message names",
        )
    if not 0 <= goal.replans <= REPLANS_MAX:
        raise Invalid(
            "goal_replans",
            f"a goal is planned anew 0 to {REPLANS_MAX} times",
            where="goal.replans",
            remedy="write 0 to 3",
        )
    if goal.ends_at_us and goal.ends_at_us <= goal.begins_at_us:
        raise Invalid("goal_ends", "a goal ends before it begins", where="goal.ends_at_us",
                      remedy="name an end behind its beginning, or none")  # fmt: skip
    if goal.engagements_per_post_millis and not goal.replans:
        raise Invalid("goal_unmeasured", "a figure to reach means nothing where nothing is planned anew",
                      where="goal.replans", remedy="give replans, or leave the figure out")  # fmt: skip


def _printable(text: str) -> str:
    """A message that may quote what cannot be stored."""
    return text.encode("ascii", "backslashreplace").decode().replace("\x00", "\\0")[:500]
