"""Assembles what tells a repository's commits as episodes: worker and judge, without a database. Publishes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.adapters.documents.packages import read_package
from chimera.adapters.documents.specs import load_prompts, load_specs
from chimera.adapters.local.nowhere import NoTools
from chimera.adapters.system.clock import SystemClock, SystemIds
from chimera.adapters.system.commits import Commit
from chimera.assembly.minds import models
from chimera.domain import labels
from chimera.domain.agent import Agent
from chimera.domain.errors import Unavailable
from chimera.domain.manifest import to_agent
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Assignment
from chimera.governance.contracts import Contracts
from chimera.pipeline.judge import Judge
from chimera.pipeline.worker import Worker
from chimera.rehearsal.model import OfflineModel
from chimera.rehearsal.scenario import Manners
from chimera.settings import Settings
from chimera.skills.registry import SKILLS

SPEC = "chronicle.episode"


class Episode(Struct, frozen=True, kw_only=True):
    """One commit, told, and what was kept of whoever told it."""

    commit: Commit
    output: dict[str, Any]
    model: str
    prompt: str
    attempts: int


class Chronicle:
    """Tells one commit after the other; what the judge does not accept is told anew, a limited number of times."""

    def __init__(self, *, worker: Worker, judge: Judge, agent: Agent, repository: str) -> None:
        self._worker = worker
        self._judge = judge
        self._agent = agent
        self._repository = repository
        self._spec = load_specs()[SPEC]

    async def tell(self, commit: Commit) -> Episode:
        """The episode, or `Unavailable` with what was wrong with the last try."""
        task, wrong = self._task_of(commit), ""
        for attempt in range(1, self._spec.limits.revisions_max + 2):
            agent = self._agent
            assignment = Assignment(task=task, persona=agent.persona, account="", permissions=agent.permissions)
            result = await self._worker.work(assignment)
            if result.draft is None:
                wrong = result.failure
                continue
            judgement = await self._judge.assess(assignment, result.draft)
            if judgement.verdict.accepted:
                call = next(one for one in reversed(result.calls) if one.kind == "model")
                return Episode(commit=commit, output=result.draft.output, model=call.name, prompt=call.prompt,
                               attempts=attempt)  # fmt: skip
            wrong = "; ".join(judgement.verdict.findings)
            task = replace(task, feedback=judgement.verdict.findings, revision=task.revision + 1)
        raise Unavailable("episode_not_told", wrong[:300], where=commit.digest[:12], remedy="ask another model")

    def _task_of(self, commit: Commit) -> Task:
        ids = SystemIds()
        told = {
            "repository": self._repository[:200], "commit": commit.digest, "subject": commit.subject,
            "message": commit.message, "cast": [one[:200] for one in self._agent.persona.cast],
            "figures": {"files": commit.files, "added": commit.added, "removed": commit.removed},
        }  # fmt: skip
        return Task(id=ids.new(), campaign_id=ids.new(), agent_id=self._agent.id, spec=self._spec.ref, key="episode",
                    input=told, labels=(labels.tool("repository"),), state=TaskState.LEASED, attempt=1)  # fmt: skip


@contextlib.asynccontextmanager
async def chronicle(settings: Settings, *, package: Path, repository: str) -> AsyncGenerator[Chronicle]:
    """A chronicle told by a package's cast, with the models of the configuration or the offline one."""
    specs, clock, prompts = load_specs(), SystemClock(), load_prompts()
    read = read_package(package, specs=specs)
    agent = to_agent(read.manifest, identifier=SystemIds().new(), digest=read.digest, constitution=read.constitution)
    manners = Manners(misbehaviour_bp=0, obey_bp=0)
    offline = [OfflineModel(seed=seed, manners=manners, clock=clock) for seed in (0, 1)]
    contracts = Contracts(specs)
    async with models(settings, *offline) as (mind, judging):
        worker = Worker(model=mind, tools=NoTools(), skills=SKILLS, prompts=prompts, contracts=contracts, clock=clock)
        judge = Judge(model=judging, contracts=contracts, prompt=prompts["judge"])
        yield Chronicle(worker=worker, judge=judge, agent=agent, repository=repository)
