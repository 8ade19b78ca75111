"""The records of a small fleet, as the house would have written them, with a stranger's hostile words in them."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.domain import ids, scopes
from chimera.domain.agent import Account, Agent, AgentState, Persona
from chimera.domain.budget import Cap
from chimera.domain.campaign import Campaign, CampaignState, Goal, Input
from chimera.domain.capabilities import SKILLS
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Deny, Escalate, Question, Reason, Ruling
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant
from chimera.domain.halt import Halt
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Material
from chimera.governance.treasury import Treasury
from chimera.ports.store import Store
from chimera.swarm import hearing
from chimera.swarm.hearing import Occasion
from tests.small_house import DISCLOSURE, INPUTS, PACK, PERMISSIONS, SPECS, a_post
from tests.small_work import assign, draft, judgement, result

HOSTILE = "<script>alert(1)</script> \u202egnp.exe\u202c 👩‍👩‍👧‍👦 \"'; DROP TABLE review; -- {{7*7}} ${jndi:x}"
COPIED = "which class should I play first"
TEXT = f"You ask {COPIED}? Play what makes you laugh. {DISCLOSURE}"


@dataclass
class Samples:
    """What was put in, by what a test wants it for."""

    agents: list[Agent] = field(default_factory=list)
    campaigns: list[Campaign] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    halts: list[Halt] = field(default_factory=list)


class Filler:
    """Writes as the roles that would have written."""

    def __init__(self, office: Store, manager: Store) -> None:
        self.office = office
        self.manager = manager
        self.clock = SystemClock()
        self.ids = SystemIds()
        self.samples = Samples()

    async def put(self, store: Store, *records: Record, kind: EventKind = EventKind.CAMPAIGN_OPENED) -> None:
        event = Event(kind=kind, subject=records[0].id, at_us=self.clock.now_us(), data={"by": "samples"})
        await store.commit(Change(records=records, events=(event,)))

    async def agent(self, name: str, *, state: AgentState = AgentState.ACTIVE, persona: str = "") -> Agent:
        agent = Agent(
            id=self.ids.new(), name=name, package=name, package_version="1.0.0", package_digest="0" * 64,
            persona=Persona(name=persona or name, voice="dry", disclosure=DISCLOSURE),
            accounts=(Account("sandbox", f"@{name}"),), permissions=PERMISSIONS, capabilities=tuple(SKILLS),
            state=state, rulings=30,
        )  # fmt: skip
        await self.put(self.office, agent, kind=EventKind.AGENT_INSTALLED)
        self.samples.agents.append(agent)
        return agent

    async def campaign(self, agent: Agent) -> Campaign:
        goal = Goal(text=HOSTILE, agent=agent.id, platform="sandbox", budget_micros=5_000_000)
        campaign = Campaign(id=self.ids.new(), agent_id=agent.id, goal=goal, plans=1, state=CampaignState.RUNNING)
        cap = Cap(id=ids.derive(campaign.id, "cap"), limited=scopes.campaign(campaign.id), period="total",
                  micros=goal.budget_micros)  # fmt: skip
        await self.put(self.office, campaign, cap)
        self.samples.campaigns.append(campaign)
        return campaign

    async def heard(self, campaign: Campaign, text: str) -> Input:
        payload = {"platform": "sandbox", "post_id": "post-0000001", "author": "@mila", "text": text}
        heard = Input(id=self.ids.new(), campaign_id=campaign.id, kind="mention", payload=payload, labels=("public",),
                      threat="LOW", admitted_at_us=self.clock.now_us())  # fmt: skip
        await self.put(self.office, heard, kind=EventKind.INPUT_ADMITTED)
        self.samples.inputs.append(heard)
        return heard

    async def task(
        self, campaign: Campaign, heard: Input | None = None, *, state: TaskState = TaskState.LEASED
    ) -> Task:
        root = heard.id if heard else campaign.id
        task = Task(
            id=ids.derive(root, "task", self.ids.new()), campaign_id=campaign.id, agent_id=campaign.agent_id,
            spec=SPECS["copy.post"].ref, key="step", input=INPUTS["copy.post"], labels=("operator",), state=state,
            attempt=1, due_at_us=self.clock.now_us(), input_id=heard.id if heard else None,
        )  # fmt: skip
        adopted = Event(kind=EventKind.PLAN_ADOPTED, subject=ids.derive(root, "plan"), at_us=self.clock.now_us())
        await self.manager.commit(Change(records=(task,), events=(adopted,)))
        self.samples.tasks.append(task)
        return task

    async def decided(self, agent: Agent, task: Task, decision: Allow | Escalate | Deny, **more: object) -> None:
        """The gate's answer, with the attempt that led to it."""
        now_us = self.clock.now_us()
        windows = Treasury().windows_for(agent_id=agent.id, campaign_id=task.campaign_id, at_us=now_us)
        question = replace(
            Question(
                action=a_post(TEXT, account=agent.accounts[0].handle), spec=task.spec, risk="ordinary", task_id=task.id,
                campaign_id=task.campaign_id, agent_id=agent.id, disclosure=DISCLOSURE, permissions=agent.permissions,
                capabilities=agent.capabilities, accounts=agent.accounts, has_record=True, confidence_bp=6_500,
                labels=("operator", "public"), threat="LOW",
            ),
            **more,
        )  # fmt: skip
        ruling = Ruling(decision=decision, policy_digest=PACK.digest)
        stranger = Material(name="mention", content={"text": f"hey, {COPIED}?! {HOSTILE}"}, labels=("public",))
        made = result(task, draft(TEXT, action=question.action))
        step = hearing.decided(assign(task, agent, materials=(stranger,)), made, judgement(), question, ruling,
                               Occasion(at_us=now_us, windows=windows))  # fmt: skip
        await self.manager.commit(step.change)
        self.samples.reviews += [one for one in step.change.records if isinstance(one, Review)]
        self.samples.grants += [one for one in step.change.records if isinstance(one, Grant)]

    async def held(self, agent: Agent, campaign: Campaign, **more: object) -> Review:
        """A review that waits."""
        task = await self.task(campaign, await self.heard(campaign, HOSTILE))
        await self.decided(agent, task, Escalate((Reason("confidence-low", "not sure enough"),), "reviewer"), **more)
        return self.samples.reviews[-1]


async def filled(office: Store, manager: Store) -> Samples:
    """Three agents, two campaigns, four reviews, a grant, a refusal, waiting tasks and a halt of one network."""
    filler = Filler(office, manager)
    ada = await filler.agent("studio.ada", persona=HOSTILE)
    bob = await filler.agent("studio.bob")
    await filler.agent("studio.cyd", state=AgentState.PAUSED)
    first, second = await filler.campaign(ada), await filler.campaign(bob)
    for agent, campaign, risk in ((ada, first, "ordinary"), (bob, second, "ordinary"), (bob, second, "politics")):
        await filler.held(agent, campaign, risk=risk)
    await filler.held(ada, first, action=a_post(HOSTILE, account="@studio.ada"))
    await filler.decided(ada, await filler.task(first), Allow((Reason("confident", "sure enough"),)))
    await filler.decided(bob, await filler.task(second), Deny((Reason("deny", "no"),)))
    for state in (TaskState.READY, TaskState.WAITING):
        await filler.task(first, state=state)
    halt = Halt(id=filler.ids.new(), halted="platform:elsewhere", reason=HOSTILE, by="samples",
                since_us=filler.clock.now_us())  # fmt: skip
    await filler.put(office, halt, kind=EventKind.HALTED)
    filler.samples.halts.append(halt)
    return filler.samples
