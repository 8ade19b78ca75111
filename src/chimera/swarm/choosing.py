"""Has the bandit choose how a post is made, when its turn has come, and gives it back until its time. Makes none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chimera.domain import ids
from chimera.domain.agent import Agent
from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.event import Event, EventKind
from chimera.domain.measurement import Measurement, measurement_id
from chimera.domain.rhythm import STEADY, Rhythm
from chimera.domain.spec import Spec
from chimera.domain.task import Task
from chimera.domain.variants import (
    MEASURED_AFTER_MINUTES,
    MEDIA,
    STYLE,
    TIME,
    WITHOUT,
    in_minutes,
    on_the_clock,
)
from chimera.governance.tallying import Known, known_of
from chimera.governance.treasury import Treasury
from chimera.learning.choices import believed, choice_of
from chimera.ports.store import Store
from chimera.skills.desk import PICTURES as MAKES_PICTURES
from chimera.swarm.loops import log
from chimera.swarm.roster import Roster

# What was liked longer ago says nothing about the public of today. Harm is never forgotten.
KNOWN_DAYS = 90
FULL = "enough posts go out on this day"
_PICTURE_WORDS = ("picture", "picture_kind", "film")


class Choosing:
    """One choice for each task, committed with the measurement that it owes before anybody works on it."""

    def __init__(
        self, *, store: Store, roster: Roster, specs: Mapping[str, Spec], treasury: Treasury, rhythm: Rhythm = STEADY
    ) -> None:
        self._store = store
        self._roster = roster
        self._treasury = treasury
        self._rhythm = rhythm
        self._specs = frozenset(name for name, spec in specs.items() if spec.has_variants)

    async def choose(self, tasks: Sequence[Task]) -> Sequence[Task]:
        """Those leased tasks that may be worked on now. The others were given back with their choice."""
        open_ = [task for task in tasks if task.spec.name in self._specs and task.choice is None]
        if not open_:
            return tasks
        agents, now_us = await self._roster.agents(task.agent_id for task in open_), await self._store.now_us()
        given_back: set[str] = set()
        for agent in agents.values():
            mine = [task for task in open_ if task.agent_id == agent.id]
            given_back.update([task.id for task in await self._chosen_of(agent, mine, now_us)])
        return [task for task in tasks if task.id not in given_back]

    async def _chosen_of(self, agent: Agent, tasks: Sequence[Task], now_us: int) -> Sequence[Task]:
        """Those of an agent's tasks that were given back: with a choice, or because their day is full."""
        left = [(task, variants) for task in tasks if (variants := self._open_to(task, agent, now_us))]
        if not left:
            return ()
        room = agent.variants.posts_per_day - await self._planned(agent, now_us)
        known = await known_of(self._store, agent.id, since_us=now_us - KNOWN_DAYS * self._rhythm.day_us)
        later = 0
        for task, variants in left:
            if TIME in variants and room <= 0:
                days = 1 + later // agent.variants.posts_per_day
                await self._give_back(task, now_us, at_us=now_us + days * self._rhythm.day_us)
                later += 1
                continue
            room -= TIME in variants
            await self._choose(task, agent, variants, known, now_us)
        return [task for task, _ in left]

    async def _choose(
        self, task: Task, agent: Agent, variants: Mapping[str, Sequence[str]], known: Known, now_us: int
    ) -> None:
        choice = choice_of(believed(variants, *known), seed=ids.derive(task.id, "choice"))
        begins_us = self._begins(agent, choice.chosen, now_us)
        after = task.chosen(choice, given=given_by(choice.chosen), at_us=begins_us)
        owed = Measurement(
            id=measurement_id(task.id), agent_id=agent.id, campaign_id=task.campaign_id, task_id=task.id,
            variants=choice.chosen, begins_at_us=begins_us,
            due_at_us=begins_us + self._rhythm.span_us(MEASURED_AFTER_MINUTES),
        )  # fmt: skip
        told = Event(kind=EventKind.VARIANTS_CHOSEN, subject=task.id, at_us=now_us, data={
            "agent": agent.id, "campaign": task.campaign_id, "chosen": choice.chosen, "seed": choice.seed,
            "begins_at_us": begins_us,
            "barred": [f"{one.factor} {one.variant}: {one.barred}" for one in choice.beliefs if one.barred],
        })  # fmt: skip
        await self._put(task, Change(records=(after, owed), events=(told,)))

    async def _give_back(self, task: Task, now_us: int, *, at_us: int) -> None:
        """Nothing is chosen yet: until then more is known."""
        data = {"why": FULL, "agent": task.agent_id, "spec": str(task.spec), "cost_micros": 0}
        told = Event(kind=EventKind.TASK_POSTPONED, subject=task.id, at_us=now_us, data=data)
        await self._put(task, Change(records=(task.given_back(at_us),), events=(told,)))

    async def _put(self, task: Task, change: Change) -> None:
        try:
            await self._store.commit(change)
        except Conflict:
            log.info("somebody else has the task by now", task=task.id)

    async def _planned(self, agent: Agent, now_us: int) -> int:
        """How many posts of the agent are still to go out at a time that was chosen."""
        owed = await self._store.list(Measurement, states=("owed",), scope=agent.id)
        return sum(one.begins_at_us >= now_us and TIME in one.variants for one in owed)

    def _open_to(self, task: Task, agent: Agent, now_us: int) -> dict[str, Sequence[str]]:
        """What of this post the bandit chooses: what manifest and plan leave to it."""
        left, asked = agent.variants, task.input
        tried = tried_by(agent)
        variants = {name: tried[name] for name in (STYLE, MEDIA) if name in tried and not _is_given(name, asked)}
        if left.minutes and task.input_id is None and not task.is_timed:
            open_ = [minute for minute in left.minutes if self._at(minute, agent, now_us) is not None]
            variants[TIME] = [on_the_clock(minute) for minute in open_]
        return {factor: names for factor, names in variants.items() if names}

    def _begins(self, agent: Agent, chosen: Mapping[str, str], now_us: int) -> int:
        at_us = self._at(in_minutes(chosen[TIME]), agent, now_us) if TIME in chosen else None
        return now_us if at_us is None else at_us

    def _at(self, minute: int, agent: Agent, now_us: int) -> int | None:
        return self._rhythm.open_at(minute, from_us=now_us, schedule=agent.schedule, fleet=self._treasury.zone)


def tried_by(agent: Agent) -> dict[str, Sequence[str]]:
    """What the bandit may choose for an agent, by factor; the first of each is the baseline."""
    left = agent.variants
    media = left.media if agent.may(MAKES_PICTURES) else ()
    tried = {STYLE: left.styles, MEDIA: media, TIME: tuple(map(on_the_clock, left.minutes))}
    return {factor: names for factor, names in tried.items() if names}


def _is_given(factor: str, asked: Mapping[str, Any]) -> bool:
    """Whether the plan has said it already."""
    return any(word in asked for word in (_PICTURE_WORDS if factor == MEDIA else (factor,)))


def given_by(chosen: Mapping[str, str]) -> dict[str, Any]:
    """What a choice adds to a task's input."""
    given: dict[str, Any] = {"style": chosen[STYLE]} if STYLE in chosen else {}
    match chosen.get(MEDIA, WITHOUT):
        case "none":
            return given
        case kind:
            return {**given, "picture": True, "picture_kind": kind}
