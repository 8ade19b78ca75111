"""The load of the swarm benchmark: agents, a model that only takes time, lines to say, and the meter that reads off."""

from __future__ import annotations

import math
import random
import time
from collections import defaultdict

import msgspec

from chimera.domain import ids
from chimera.domain.agent import Account, Agent, AgentState, Persona
from chimera.domain.budget import Cap
from chimera.domain.campaign import Campaign, CampaignState, Goal
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.task import Task, TaskState
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.model import ModelAnswer, ModelRequest
from chimera.rehearsal.scenario import SOCIAL

DISCLOSURE = "[AI persona]"
MODEL_MEDIAN_SECONDS = 0.3
MODEL_P95_SECONDS = 0.9
MODEL_COST_MICROS = 100
_SIGMA = math.log(MODEL_P95_SECONDS / MODEL_MEDIAN_SECONDS) / 1.645
_SYLLABLES = ("ba", "do", "ki", "lu", "mer", "no", "pix", "ra", "sol", "ti", "ven", "zu")
BUDGET_MICROS = 10_000_000_000
_PHRASE_BITS = 12
_PHRASES = 1 << _PHRASE_BITS


class Crowd:
    """How many are inside, and how many that were in the middle of a span of time."""

    def __init__(self) -> None:
        self.inside, self.inside_max = 0, 0
        self._seconds = 0.0
        self._began = self._looked = time.monotonic()

    def moved(self, by: int) -> None:
        """So many more are inside."""
        now = time.monotonic()
        self._seconds += self.inside * (now - self._looked)
        self.inside, self._looked = self.inside + by, now
        if self.inside > self.inside_max:
            self.inside_max = self.inside

    def share(self, everybody: int) -> float:
        """How much of everybody was inside, over the whole span since `forget`."""
        self.moved(0)
        return self._seconds / max(1e-9, self._looked - self._began) / everybody

    def forget(self) -> None:
        """Begin a new span."""
        self.moved(0)
        self._began, self._seconds = self._looked, 0.0


class Occupancy(Crowd):
    """Who has work under way, however many pieces of it."""

    def __init__(self) -> None:
        super().__init__()
        self._under_way: dict[str, int] = {}
        self._left: list[str] = []

    def entered(self, key: str) -> None:
        """One more piece of work for this one."""
        many = self._under_way.get(key, 0)
        self._under_way[key] = many + 1
        if not many:
            self.moved(1)

    def left(self, key: str) -> None:
        """One of its pieces is done with."""
        self._left.append(key)
        if (many := self._under_way.pop(key)) > 1:
            self._under_way[key] = many - 1
        else:
            self.moved(-1)

    def take_left(self) -> list[str]:
        """Whose work was done with since this was asked last."""
        left, self._left = self._left, []
        return left


class SlowModel:
    """Answers with the line that it was given, after a log-normal time. Remembers how long each task waited for it."""

    def __init__(self, clock: Clock, *, seed: int, median_seconds: float = MODEL_MEDIAN_SECONDS) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._lines = Lines(seed=seed + 1)
        self._median = math.log(median_seconds) if median_seconds > 0 else None
        self.waited_us: dict[str, int] = {}
        self.asked = Crowd()

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The line that was given, or for a post a line of its own with the disclosure."""
        since_us = self._clock.now_us()
        self.asked.moved(1)
        try:
            if self._median is not None:
                await self._clock.sleep(self._dice.lognormvariate(self._median, _SIGMA))
        finally:
            self.asked.moved(-1)
        self.waited_us[request.task_id] = self._clock.now_us() - since_us
        # What a stranger said is not said again in public: taint would hold it for a person.
        said = f"{self._lines.next()} {DISCLOSURE}" if request.prompt == "bench.post" else request.data["input"]["text"]
        answer = {"output": {"text": said}, "confidence_bp": 9_500}
        return ModelAnswer(text=msgspec.json.encode(answer).decode(), model="slow/1", cost_micros=MODEL_COST_MICROS)


class QuickJudge:
    """A judge's model that accepts at once: its answer is parsed like any."""

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """Yes."""
        return ModelAnswer(text='{"accepted":true,"confidence_bp":9600,"findings":[]}', model="quick/1", cost_micros=0)


class BenchMeter:
    """Adds up what stages took, and when tasks were decided and settled."""

    def __init__(self, model: SlowModel) -> None:
        self.model = model
        self.occupancy = Occupancy()
        self.stages: defaultdict[str, list[int]] = defaultdict(list)
        self.decision_us: list[int] = []
        self.governance_us: list[int] = []
        self.decided_count = 0
        self.settled_count = 0

    def took(self, stage: str, duration_us: int) -> None:
        """One duration of a stage."""
        self.stages[stage].append(duration_us)

    def decided(self, task: Task, at_us: int) -> None:
        """From admission to the committed decision; governance is that without the model's part."""
        assert task.input_id is not None, "every task of the benchmark answers an input"
        total_us = at_us - ids.at_us(task.input_id)
        self.decision_us.append(total_us)
        self.governance_us.append(total_us - self.model.waited_us.pop(task.id, 0))
        self.decided_count += 1
        if task.state is not TaskState.GRANTED:
            self.settled(task, at_us)

    def settled(self, task: Task, at_us: int) -> None:
        """One more task is done with."""
        self.settled_count += 1
        self.occupancy.left(task.campaign_id)

    def forget(self) -> None:
        """Begin a new phase."""
        self.stages.clear()
        self.decision_us.clear()
        self.governance_us.clear()
        self.model.asked.forget()
        self.occupancy.forget()


class Lines:
    """Things to say that are not alike."""

    def __init__(self, *, seed: int) -> None:
        self._dice = random.Random(seed)
        self._phrases = [self._phrase(words=3 + number % 2) for number in range(_PHRASES)]

    def next(self) -> str:
        """A line of a usual length: three to six phrases, drawn in one go. It must cost less than what is measured."""
        phrases, bits = self._phrases, _PHRASE_BITS * (3 + self._dice.getrandbits(2))
        drawn = self._dice.getrandbits(bits)
        return " ".join([phrases[drawn >> place & _PHRASES - 1] for place in range(0, bits, _PHRASE_BITS)])

    def _phrase(self, *, words: int) -> str:
        return " ".join(["".join(self._dice.choices(_SYLLABLES, k=3)) for _ in range(words)])


def agent_of(number: int, fresh: Ids) -> Agent:
    """One persona of the benchmark."""
    return _agent(fresh.new(), name=f"bench-{number:05d}", called=f"Bench {number}")


def idle_agents() -> tuple[str, str]:
    """The bodies of an agent and of its standing campaign, with places for what differs."""
    agent = _agent("@ID@", name="bench-@NUMBER@", called="Bench @NUMBER@")
    campaign = Campaign(id="@ID@", agent_id="@AGENT@", goal=_goal_of("@AGENT@"), state=CampaignState.RUNNING)
    return msgspec.json.encode(agent).decode(), msgspec.json.encode(campaign).decode()


def _agent(identifier: str, *, name: str, called: str) -> Agent:
    return Agent(
        id=identifier, name=name, package="bench", package_version="1", package_digest="0" * 64,
        persona=Persona(name=called, voice="plain", disclosure=DISCLOSURE),
        accounts=(Account(platform=SOCIAL, handle=f"@{name}"),),
        permissions=("note.keep", "post.publish"), capabilities=("bench",), rulings=1_000, state=AgentState.ACTIVE,
    )  # fmt: skip


def _goal_of(agent_id: str) -> Goal:
    return Goal(text="repeat lines", agent=agent_id, platform=SOCIAL, budget_micros=BUDGET_MICROS)


def handle_of(number: int) -> str:
    """Its account."""
    return f"@bench-{number:05d}"


def settled_in(agent: Agent, fresh: Ids, clock: Clock) -> tuple[Change, Campaign]:
    """The agent with a standing campaign and its cap, in one change."""
    campaign = Campaign(id=fresh.new(), agent_id=agent.id, goal=_goal_of(agent.id), state=CampaignState.RUNNING)
    caps = (
        Cap(id=fresh.new(), limited=f"campaign:{campaign.id}", period="total", micros=BUDGET_MICROS),
        Cap(id=fresh.new(), limited=f"agent:{agent.id}", period="day", micros=BUDGET_MICROS),
    )
    event = Event(kind=EventKind.CAMPAIGN_OPENED, subject=campaign.id, at_us=clock.now_us(), data={"agent": agent.id})
    return Change(records=(agent, campaign, *caps), events=(event,)), campaign
