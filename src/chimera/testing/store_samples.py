"""Small valid records of every kind, for tests of stores. Deterministic: ids count up from a start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chimera.domain import ids
from chimera.domain.access import Access
from chimera.domain.action import Action
from chimera.domain.agent import Agent, Persona
from chimera.domain.attempt import Attempt
from chimera.domain.badge import AgentKey
from chimera.domain.budget import Cap, Hold, Movement
from chimera.domain.campaign import Campaign, Goal, Input
from chimera.domain.caps import cap_id
from chimera.domain.change import Change
from chimera.domain.checkpoint import Checkpoint, Statement, checkpoint_id
from chimera.domain.consent import Consent, ConsentState, Purpose
from chimera.domain.decision import Question
from chimera.domain.directory import Peer
from chimera.domain.draft import Draft, Verdict
from chimera.domain.durations import HOUR_US
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Batch, Grant, Performance, Seal, Terms
from chimera.domain.halt import Halt
from chimera.domain.labels import TRUSTED
from chimera.domain.measurement import Measurement
from chimera.domain.memory import Memory, MemoryKind
from chimera.domain.person import Knocks, Person, Session, Token
from chimera.domain.policy import PackFiles, Policy, policy_id
from chimera.domain.record import Record
from chimera.domain.revenue import Revenue
from chimera.domain.review import Decoy, Remark, Review
from chimera.domain.scorecard import Scorecard, Trial
from chimera.domain.spec import SpecRef
from chimera.domain.spending import Appraisal, Payment, Spending, Word
from chimera.domain.task import Task, TaskState
from chimera.domain.tools import Definition, ToolKind, ToolPin, pin_id
from chimera.domain.work import Assignment

SPEC = SpecRef("copy.post", 1, "0" * 64)
PERSONA = Persona(name="Ada", voice="dry", disclosure="I am an AI.")


def change(
    *records: Record, movements: Sequence[Movement] = (), begins_in: Sequence[str] = (), note: str = ""
) -> Change:
    """A change with an event for every record, or one event when there is none."""
    subjects = [record.id for record in records] or [note or "nothing"]
    events = tuple(
        Event(kind=EventKind.TASK_SETTLED, subject=subject, at_us=1, data={"note": note}) for subject in subjects
    )
    return Change(records=records, events=events, movements=tuple(movements), begins_in=tuple(begins_in))


class Samples:
    """Makes records. `start_us` goes into their ids; `entropy` tells several makers apart."""

    def __init__(self, *, start_us: int = 1_763_700_000_000_000, entropy: int = 0) -> None:
        self._start_us = start_us
        self._count = entropy << 40

    def id(self) -> str:
        """A fresh id; those of one maker are in order."""
        self._count += 1
        return ids.build(at_us=self._start_us, entropy=self._count)

    def agent(self) -> Agent:
        return Agent(
            id=self.id(),
            name="ada",
            package="ada",
            package_version="1.0",
            package_digest="0" * 64,
            persona=PERSONA,
            accounts=(),
            permissions=("post.publish",),
        )

    def cap(self, limited: str, period: str, micros: int) -> Cap:
        return Cap(id=cap_id(limited, period), limited=limited, period=period, micros=micros)

    def campaign(self, agent_id: str | None = None) -> Campaign:
        goal = Goal(text="Say hello – grüß Gott 🎉", agent="ada", platform="sandbox", budget_micros=1)
        return Campaign(id=self.id(), agent_id=agent_id or self.id(), goal=goal)

    def input(self, campaign_id: str | None = None) -> Input:
        return Input(
            id=self.id(),
            campaign_id=campaign_id or self.id(),
            kind="goal",
            payload={"text": "\\u0000 is no NUL"},
            labels=TRUSTED,
            threat="LOW",
            admitted_at_us=1,
        )

    def task(
        self,
        campaign_id: str | None = None,
        *,
        state: TaskState = TaskState.READY,
        due_at_us: int = 0,
        priority: int = 100,
        input: dict[str, Any] | None = None,
        reason: str = "",
    ) -> Task:
        """A ready task without dependencies, unless told otherwise."""
        return Task(
            id=self.id(),
            campaign_id=campaign_id or self.id(),
            agent_id=self.id(),
            spec=SPEC,
            key="post",
            input={"topic": "tea", "parts": [1, "two", None]} if input is None else input,
            labels=TRUSTED,
            due_at_us=due_at_us,
            priority=priority,
            reason=reason,
            state=state,
        )

    def attempt(self, task: Task, *, text: str = "tea") -> Attempt:
        """An accepted attempt whose draft says the text."""
        assignment = Assignment(task=task, persona=PERSONA, account="ada", permissions=())
        draft = Draft(output={"text": text}, confidence_bp=9_000, labels=TRUSTED)
        verdict = Verdict(accepted=True, confidence_bp=9_000)
        return Attempt(id=self.id(), assignment=assignment, draft=draft, verdict=verdict)

    def action(self) -> Action:
        return Action(kind="post.publish", platform="sandbox", account="ada", arguments={"text": "tea"})

    def grant(self, *, expires_at_us: int, task: Task | None = None) -> Grant:
        task, action, identifier = task or self.task(), self.action(), self.id()
        terms = Terms(
            grant_id=identifier,
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            action_digest=action.digest,
            action_kind=action.kind,
            platform=action.platform,
            cost_micros=0,
            expires_at_us=expires_at_us,
            policy_digest="0" * 64,
        )
        return Grant(id=identifier, terms=terms, action=action, reasons=("band.proceed",), obligations=(), hold_id=None)

    def batch(self) -> Batch:
        return Batch(id=self.id(), root="0" * 64, signature="s", key_id="k", count=1)

    def seal(self, grant: Grant, batch: Batch) -> Seal:
        return Seal(id=grant.id, batch_id=batch.id, campaign_id=grant.terms.campaign_id, path=(), not_before_us=0)

    def performance(self, grant: Grant) -> Performance:
        return Performance(
            id=grant.id,
            task_id=grant.terms.task_id,
            campaign_id=grant.terms.campaign_id,
            platform="sandbox",
            started_at_us=1,
            deadline_us=2,
        )

    def hold(self, windows: Sequence[str], amount_micros: int) -> Hold:
        return Hold(
            id=self.id(), task_id=self.id(), amount_micros=amount_micros, windows=tuple(windows), expires_at_us=9
        )

    def review(self, task: Task | None = None) -> Review:
        task = task or self.task()
        question = Question(
            action=self.action(),
            spec=SPEC,
            risk="ordinary",
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            disclosure="I am an AI.",
            permissions=(),
            has_record=False,
            confidence_bp=6_000,
            labels=TRUSTED,
            threat="LOW",
        )
        return Review(
            id=self.id(),
            task_id=task.id,
            campaign_id=task.campaign_id,
            agent_id=task.agent_id,
            question=question,
            reasons=("band.wait",),
            role="reviewer",
            opened_at_us=1,
            deadline_us=HOUR_US,
        )

    def halt(self, scope: str) -> Halt:
        return Halt(id=self.id(), halted=scope, reason="test", by="Grace", since_us=1)

    def policy(self, number: int = 7) -> Policy:
        files = PackFiles(name="tests", release="1", text="", schema="", bands="{}")
        return Policy(id=policy_id(number), number=number, digest="0" * 64, files=files, why="", proposed_by="Grace",
                      proposed_at_us=1)  # fmt: skip

    def checkpoint(self, number: int = 1) -> Checkpoint:
        statement = Statement(number=number, previous="", root="0" * 64, chains=0, at_us=1)
        return Checkpoint(id=checkpoint_id(number), statement=statement, heads=(), signature="s", key_id="k")

    def consent(self) -> Consent:
        return Consent(id=self.id(), person="0" * 64, purpose=Purpose.LEARN, by="Grace", why="", at_us=1,
                       state=ConsentState.GIVEN)  # fmt: skip

    def tool(self, name: str = "read_work") -> ToolPin:
        definition = Definition(server="tests", name=name, description="", schema="{}")
        return ToolPin(id=pin_id("tests", name), definition=definition, digest=definition.digest, kind=ToolKind.READ,
                       pinned_by="Grace", pinned_at_us=1)  # fmt: skip

    def people(self) -> dict[str, Record]:
        """Somebody, with a session, a token and a tally."""
        person = Person(id=self.id(), name="grace", roles=("owner",))
        return {
            "person": person,
            "session": Session(id=self.id(), person_id=person.id, secret_hash="0" * 64, address="::1",
                               opened_at_us=1, seen_at_us=1, expires_at_us=HOUR_US),
            "token": Token(id=self.id(), person_id=person.id, name="ci", secret_hash="0" * 64, scopes=("halt.set",),
                           issued_at_us=1, expires_at_us=HOUR_US),
            "knocks": Knocks(id=self.id(), tries=1, since_us=1),
            "decoy": Decoy(id=self.id(), answer="reject", planted_by="grace", planted_at_us=1),
            "agent_key": AgentKey(id=self.id(), agent_id=self.id(), public="0" * 64, set_at_us=1),
            "access": Access(id=self.id(), client_id=self.id(), client="locked", program="an IDE", challenge="c" * 43,
                             redirect="http://127.0.0.1:1/back", scopes=("chimera.read",), watch_hash="0" * 64,
                             ends_at_us=HOUR_US),
            "peer": Peer(id=self.id(), public="0" * 64, address="https://a.example/card", sequence=1,
                         expires_at_us=HOUR_US, seen_at_us=1),
            "remark": Remark(id=self.id(), review_id=self.id(), person_id=person.id, text="hm", at_us=1),
        }  # fmt: skip

    def spending(self) -> Spending:
        payment = Payment(id=self.id(), amount_micros=5, recipient="farm", purpose="render", agent_id="a", at_us=1)
        appraisal = Appraisal(payment=payment, word=Word.CLEAR, score_bp=0, band="under_10", day_micros=5, factors=(),
                              reasons=(), conditions=(), windows=())  # fmt: skip
        return Spending(id=self.id(), appraisal=appraisal, decided="approved")

    def revenue(self) -> Revenue:
        return Revenue(id=self.id(), source="invoice", reference="1", campaign_id=self.id(), micros=5,
                       received_micros=5, at_us=1)  # fmt: skip

    def scorecard(self) -> Scorecard:
        trial = Trial(seed=1, posts=7, impressions=100, engagements=5, chance_impressions=90, chance_engagements=2)
        return Scorecard(id=self.id(), agent_id=self.id(), package_version="1.0.0", digest="0" * 64, scenario="week",
                         days=7, people=100, posts_per_day=1, hours=24, pictures=False, trials=(trial,),
                         rehearsed_by="grace", rehearsed_at_us=1)  # fmt: skip

    def measurement(self) -> Measurement:
        return Measurement(id=self.id(), agent_id=self.id(), campaign_id=self.id(), task_id=self.id(),
                           variants={"style": "news"}, begins_at_us=1, due_at_us=1)  # fmt: skip

    def memory(self) -> Memory:
        return Memory(id=self.id(), owner="shared", kind=MemoryKind.EPISODIC, text="it rained", labels=TRUSTED,
                      importance_bp=5, at_us=1)  # fmt: skip

    def one_of_each(self) -> dict[str, Record]:
        """A valid first version of every kind."""
        task, grant, batch = self.task(), self.grant(expires_at_us=HOUR_US), self.batch()
        return {
            "agent": self.agent(),
            "cap": self.cap("agent:x", "week", 5),
            "campaign": self.campaign(),
            "input": self.input(),
            "task": task,
            "attempt": self.attempt(task),
            "grant": grant,
            "batch": batch,
            "seal": self.seal(grant, batch),
            "performance": self.performance(grant),
            "hold": self.hold(("w|day|1",), 1),
            "review": self.review(task),
            "halt": self.halt("tool:x"),
            "policy": self.policy(),
            "checkpoint": self.checkpoint(),
            "tool": self.tool(),
            **self.people(),
            "consent": self.consent(),
            "spending": self.spending(),
            "revenue": self.revenue(),
            "memory": self.memory(),
            "scorecard": self.scorecard(),
            "measurement": self.measurement(),
        }
