"""The load of the swarm benchmark: agents, a model that only takes time, lines to say, and the meter that reads off."""

from __future__ import annotations

import math
import random
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


class SlowModel:
    """Answers with the line that it was given, after a log-normal time. Remembers how long each task waited for it."""

    def __init__(self, clock: Clock, *, seed: int) -> None:
        self._clock = clock
        self._dice = random.Random(seed)
        self._lines = Lines(seed=seed + 1)
        self.waited_us: dict[str, int] = {}

    async def complete(self, request: ModelRequest) -> ModelAnswer:
        """The line that was given, or for a post a line of its own with the disclosure."""
        since_us = self._clock.now_us()
        await self._clock.sleep(self._dice.lognormvariate(math.log(MODEL_MEDIAN_SECONDS), _SIGMA))
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
        self._model = model
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
        self.governance_us.append(total_us - self._model.waited_us.pop(task.id, 0))
        self.decided_count += 1
        self.settled_count += task.state is not TaskState.GRANTED

    def settled(self, task: Task, at_us: int) -> None:
        """One more task is done with."""
        self.settled_count += 1

    def forget(self) -> None:
        """Begin a new phase."""
        self.stages.clear()
        self.decision_us.clear()
        self.governance_us.clear()


class Lines:
    """Things to say that are not alike."""

    def __init__(self, *, seed: int) -> None:
        self._dice = random.Random(seed)
        self._words = ["".join(self._dice.choices(_SYLLABLES, k=3)) for _ in range(2_000)]

    def next(self) -> str:
        """A line of a usual length."""
        return " ".join(self._dice.choices(self._words, k=self._dice.randint(8, 24)))


def agent_of(number: int, fresh: Ids) -> Agent:
    """One persona of the benchmark."""
    return Agent(
        id=fresh.new(), name=f"bench-{number:05d}", package="bench", package_version="1", package_digest="0" * 64,
        persona=Persona(name=f"Bench {number}", voice="plain", disclosure=DISCLOSURE),
        accounts=(Account(platform=SOCIAL, handle=handle_of(number)),),
        permissions=("note.keep", "post.publish"), capabilities=("bench",), rulings=1_000, state=AgentState.ACTIVE,
    )  # fmt: skip


def handle_of(number: int) -> str:
    """Its account."""
    return f"@bench-{number:05d}"


def settled_in(agent: Agent, fresh: Ids, clock: Clock) -> tuple[Change, Campaign]:
    """The agent with a standing campaign and its cap, in one change."""
    goal = Goal(text="repeat lines", agent=agent.id, platform=SOCIAL, budget_micros=BUDGET_MICROS)
    campaign = Campaign(id=fresh.new(), agent_id=agent.id, goal=goal, state=CampaignState.RUNNING)
    caps = (
        Cap(id=fresh.new(), limited=f"campaign:{campaign.id}", period="total", micros=BUDGET_MICROS),
        Cap(id=fresh.new(), limited=f"agent:{agent.id}", period="day", micros=BUDGET_MICROS),
    )
    event = Event(kind=EventKind.CAMPAIGN_OPENED, subject=campaign.id, at_us=clock.now_us(), data={"agent": agent.id})
    return Change(records=(agent, campaign, *caps), events=(event,)), campaign
