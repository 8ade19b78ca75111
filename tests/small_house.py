"""A small house over the local store, for attacks on single stages: one agent, one campaign, and everything by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera.adapters.documents.governance import load_lexicon, load_pack, load_permits
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.rehearsal.publisher import RehearsalPublisher
from chimera.adapters.vault.count import Spent
from chimera.adapters.vault.keys import name_of
from chimera.adapters.vault.local import LocalVault
from chimera.adapters.vault.signer import VaultSigner
from chimera.domain import caps, ids, scopes
from chimera.domain.action import Action
from chimera.domain.agent import Account, Agent, AgentState, Persona, agent_id_of
from chimera.domain.budget import Cap, Window
from chimera.domain.campaign import Campaign, CampaignState, Goal
from chimera.domain.capabilities import SKILLS
from chimera.domain.change import Change
from chimera.domain.decision import Allow, Approver, Decision, Escalate, Question, Reason, Ruling
from chimera.domain.event import Event, EventKind
from chimera.domain.granted import Granted
from chimera.domain.halt import Halt
from chimera.domain.kinds import NAMES
from chimera.domain.person import Principal, person_id
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.roles import Role
from chimera.domain.rows import row_of
from chimera.domain.spending import Appraisal, Payment, Word
from chimera.domain.task import Task, TaskState
from chimera.governance.contracts import Contracts
from chimera.governance.gate import Gate
from chimera.governance.plan_costs import PlanCosts
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.safety.gateway import SafetyGateway
from chimera.governance.sealing import SealVerifier
from chimera.governance.treasury import Treasury
from chimera.pipeline.effects import Effects
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.ports.publisher import Publisher
from chimera.rehearsal.line import Line
from chimera.rehearsal.network import Network
from chimera.rehearsal.scenario import CALM, Rules, Scenario
from chimera.swarm import hearing
from chimera.swarm.hearing import Occasion
from chimera.swarm.recording import attempt_of
from chimera.testing.manual_clock import ManualClock
from tests.small_work import assign, draft, judgement, result

SPECS = load_specs()
PROMPTS = load_prompts()
CONTRACTS = Contracts(SPECS)
PACK = load_pack()
GATE = Gate(policy=PolicyEngine(PACK), safety=SafetyGateway(load_lexicon()), specs=SPECS)
PERMISSIONS = (
    "trends.read", "mentions.read", "post.publish", "post.reply", "post.like", "note.keep", "payment.send"
)  # fmt: skip
DISCLOSURE = "[AI persona]"
TEXT = f"Boss fights are better with friends. {DISCLOSURE}"
COST_MICROS = 1_000
REVIEWER = Approver("rita", "reviewer")
PERMITS = load_permits()


def somebody(name: str, *roles: str) -> Principal:
    """A person as the identity desk would recognise them."""
    return Principal(person=person_id(name), name=name, roles=frozenset(roles))


RITA, OTTO, OLGA = somebody("rita", "reviewer"), somebody("otto", "operator"), somebody("olga", "owner")


class CountedIds:
    """Ids that count up."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._count = 0

    def new(self) -> str:
        self._count += 1
        return ids.build(at_us=self._clock.now_us(), entropy=self._count)


class SmallHouse:
    """Stores of the three roles, a vault, a network; records are put where a test wants them."""

    def __init__(self, *, rules: Rules | None = None, scenario: Scenario = CALM, clock: Any = None) -> None:
        self.clock = clock or ManualClock()
        self.ids = CountedIds(self.clock)
        self.database = MemoryDatabase()
        self.office = self.store("office-0", Role.OFFICE)
        self.manager = self.store("manager-0", Role.MANAGER)
        self.acting = self.store("effects-0", Role.EFFECTS)
        self.key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
        self.core = self.vault_core(self.key)
        self.vault = LocalVault(self.core, self.clock)
        self.network = Network(msgspec.structs.replace(scenario, people=0, rules=rules or Rules()))
        self.line = Line(self.network, self.clock)
        self.publisher: Publisher = RehearsalPublisher(self.line, self.clock)
        self.settle = Settle(store=self.manager, clock=self.clock)
        self.sealing = Sealing(sealer=self.vault, store=self.manager, clock=self.clock, ids=self.ids)
        self.agent = self.an_agent("ada")
        self.quotas: tuple[str, ...] = ()
        self.campaign = Campaign(
            id=self.ids.new(), agent_id=self.agent.id, goal=a_goal(self.agent), plans=1, state=CampaignState.RUNNING
        )

    def store(self, writer: str, role: Role) -> MemoryStore:
        return MemoryStore(self.database, writer=writer, role=role, clock=self.clock)

    def vault_core(self, key: Ed25519PrivateKey, *, cap_micros_day: int = 10**12, digest: str = "") -> VaultSigner:
        return VaultSigner(
            key=key,
            policy_digest=digest or PACK.digest,
            cap_micros_day=cap_micros_day,
            spent=Spent(day=0, micros=0),
            keep=lambda spent: None,
        )

    def seals(self, key: Ed25519PrivateKey | None = None) -> SealVerifier:
        public = (key or self.key).public_key()
        return SealVerifier({name_of(public): public})

    def effects(self, *, key: Ed25519PrivateKey | None = None) -> Effects:
        return Effects(store=self.acting, publisher=self.publisher, seals=self.seals(key), clock=self.clock)

    def an_agent(self, name: str, *, permissions: Sequence[str] = PERMISSIONS) -> Agent:
        return Agent(
            id=agent_id_of(name),
            name=name,
            package="tests",
            package_version="1.0.0",
            package_digest="0" * 64,
            persona=Persona(name=name, voice="dry", disclosure=DISCLOSURE, interests=("boss fights",)),
            accounts=(Account("sandbox", name),),
            permissions=tuple(permissions),
            capabilities=tuple(SKILLS),
            state=AgentState.ACTIVE,
            rulings=30,
        )

    # ── putting things where a test wants them ──────────────────────────────────────────────────────────────────────

    async def open(self) -> SmallHouse:
        """The agent, the campaign and its cap are in the database."""
        cap = Cap(
            id=ids.derive(self.campaign.id, "cap"), limited=scopes.campaign(self.campaign.id), period="total",
            micros=self.campaign.goal.budget_micros,
        )  # fmt: skip
        await self.put(self.agent, cap)
        await self.put(self.campaign)
        return self

    async def put(self, *records: Record, by: Role = Role.OFFICE) -> None:
        store = {Role.OFFICE: self.office, Role.MANAGER: self.manager, Role.EFFECTS: self.acting}[by]
        event = Event(kind=EventKind.AGENT_CHANGED, subject="test", at_us=self.clock.now_us())
        await store.commit(Change(records=records, events=(event,)))

    async def change_agent(self, **changes: object) -> None:
        agent = await self.office.get(Agent, self.agent.id)
        await self.put(replace(agent, version=agent.version + 1, **changes))

    async def halt(self, scope: str) -> None:
        await self.put(Halt(id=self.ids.new(), halted=scope, reason="test", by="test", since_us=self.clock.now_us()))

    async def set_cap(self, limited: str, period: str, micros: int) -> None:
        await self.put(Cap(id=caps.cap_id(limited, period), limited=limited, period=period, micros=micros))

    async def a_task(self, *, spec: str = "copy.post", state: TaskState = TaskState.LEASED, **more: object) -> Task:
        task = replace(
            Task(
                id=self.ids.new(), campaign_id=self.campaign.id, agent_id=self.agent.id, spec=SPECS[spec].ref,
                key="step", input=INPUTS.get(spec, {}), labels=("operator",), state=state, attempt=1,
                due_at_us=self.clock.now_us(),
            ),
            **more,
        )  # fmt: skip
        await self.put(task, by=Role.MANAGER)
        return task

    # ── grants ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def occasion(self) -> Occasion:
        now_us = self.clock.now_us()
        windows = Treasury().windows_for(agent_id=self.agent.id, campaign_id=self.campaign.id, at_us=now_us)
        return Occasion(at_us=now_us, windows=windows, quotas=self.quotas)

    def plan_costs(self, *, treasury: Treasury | None = None, models_cost: bool = False) -> PlanCosts:
        return PlanCosts(store=self.manager, treasury=treasury or Treasury(), clock=self.clock, ids=self.ids,
                         models_cost=models_cost)  # fmt: skip

    def question(self, task: Task, action: Action | None = None, **more: object) -> Question:
        question = Question(
            action=action or a_post(),
            spec=task.spec,
            risk=str(SPECS[task.spec.name].risk),
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            disclosure=DISCLOSURE,
            permissions=self.agent.permissions,
            capabilities=self.agent.capabilities,
            accounts=self.agent.accounts,
            has_record=True,
            confidence_bp=9_500,
            labels=task.labels,
            threat="LOW",
        )
        if question.action.kind == "payment.send":
            question = msgspec.structs.replace(question, appraisal=an_appraisal(question))
        return msgspec.structs.replace(question, **more)

    async def decide(self, decision: Decision, *, action: Action | None = None, task: Task | None = None):
        """A leased task with a decision committed, whatever the gate would have said. The step."""
        task = task or await self.a_task()
        question = self.question(task, action)
        ruling = Ruling(decision=decision, policy_digest=PACK.digest)
        step = hearing.ruled(task, question, ruling, self.occasion())
        attempt = attempt_of(
            assign(task, self.agent), result(task, draft(TEXT)), judgement(), question=question, ruling=ruling
        )
        change = msgspec.structs.replace(step.change, records=(*step.change.records, attempt))
        await self.manager.commit(change)
        return step

    async def grant(self, action: Action | None = None, *, seal: bool = True, task: Task | None = None) -> Granted:
        """A committed grant; sealed unless a test wants otherwise."""
        step = await self.decide(allow(), action=action, task=task)
        assert step.granted is not None
        if seal:
            await self.sealing.seal([step.granted.grant])
        return step.granted

    async def escalate(self, action: Action | None = None, *, role: str = "reviewer") -> Review:
        """A held task with its open review."""
        step = await self.decide(Escalate((Reason("test", "a test"),), role), action=action)
        return next(record for record in step.change.records if isinstance(record, Review))

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def window(self) -> Window:
        """The campaign's window."""
        found = await self.manager.windows((f"{scopes.campaign(self.campaign.id)}|total|total",))
        return found[0]

    def deeds(self) -> int:
        return len(self.network.records())

    def rewrite(self, record: Record) -> None:
        """What no role may do: change a row behind everybody's back."""
        self.database.tables[NAMES[type(record)]].put(row_of(record))


def an_appraisal(question: Question, *, word: Word = Word.CLEAR, band: str = "under_10") -> Appraisal:
    """The CFO's word on exactly what the question is about, as if it had been asked."""
    action = question.action
    payment = Payment(
        id=question.task_id,
        amount_micros=action.cost_micros,
        recipient=action.recipient,
        purpose="",
        agent_id=question.agent_id,
        campaign_id=question.campaign_id,
        category=action.category,
        at_us=1,
    )
    return Appraisal(payment=payment, word=word, score_bp=0, band=band, day_micros=action.cost_micros, factors=(),
                     reasons=("a test",), conditions=(), windows=(), key_id="k", signature="s")  # fmt: skip


def allow(*, obligations: tuple[str, ...] = ()) -> Allow:
    return Allow((Reason("test", "a test"),), obligations)


def a_goal(agent: Agent) -> Goal:
    return Goal(text="Talk about boss fights", agent=agent.id, platform="sandbox", budget_micros=5_000_000)


def a_post(text: str = TEXT, *, account: str = "ada", cost_micros: int = COST_MICROS, **arguments: object) -> Action:
    return Action(
        kind="post.publish", platform="sandbox", account=account, cost_micros=cost_micros,
        arguments={"text": text, "disclosure": DISCLOSURE, **arguments},
    )  # fmt: skip


def a_note() -> Action:
    return Action(kind="note.keep", platform="house", account="ada", arguments={"task": "x"}, category="notes")


def a_payment(amount_micros: int = 4_000_000, *, recipient: str = "render-farm") -> Action:
    return Action(
        kind="payment.send", platform="sandbox.pay", account="ada", cost_micros=amount_micros, recipient=recipient,
        arguments={"recipient": recipient, "amount_micros": amount_micros, "currency": "USD", "purpose": "a clip"},
    )  # fmt: skip


INPUTS: dict[str, dict[str, object]] = {
    "copy.post": {"platform": "sandbox", "topic": "boss fights", "brief": "Say something"},
    "copy.reply": {"platform": "sandbox", "post_id": "post-0000001", "author": "@mila", "text": "which class?"},
    "research.note": {"question": "What is new?"},
    "bench.note": {"text": "a line"},
    "trend.scan": {"platform": "sandbox", "window_minutes": 60, "count_max": 5},
    "community.like": {"platform": "sandbox", "post_id": "post-0000001", "author": "@mila", "text": "thank you"},
    "commerce.pay": {"recipient": "render-farm", "amount_micros": 4_000_000, "currency": "USD", "purpose": "a clip",
                     "category": "content"},
}  # fmt: skip
