"""The tasks that a plan's steps become, and what goes on record of it. Pure: adopts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids, labels
from chimera.domain.campaign import Campaign, Input, InputState
from chimera.domain.labels import Labels
from chimera.domain.plan import RANK_MAX, Plan, Step
from chimera.domain.spec import Spec
from chimera.domain.stages import Course
from chimera.domain.task import Task, TaskState
from chimera.domain.threat import ThreatLevel, highest
from chimera.governance.tallying import REPORT


class Turn(Struct, frozen=True, kw_only=True):
    """What else a plan's adoption writes: the campaign afterwards, tasks that go, labels that everything bears."""

    after: Campaign
    replaced: tuple[Task, ...] = ()
    carried: Labels = ()


def tasks_of(
    plan: Plan, *, plan_id: str, campaign: Campaign, specs: Mapping[str, Spec], inputs: Sequence[Input]
) -> tuple[Task, ...]:
    """The plan's steps as tasks. Labels come from the inputs, never from the plan, which a model may have written."""
    by_id = {one.id: one for one in inputs}
    ids_by_key = {step.key: ids.derive(plan_id, "task", step.key) for step in plan.steps}
    openers: dict[str, list[str]] = {step.key: [] for step in plan.steps}
    for step in plan.steps:
        for earlier in step.after:
            openers[earlier].append(ids_by_key[step.key])
    return tuple(
        _task_of(step, ids_by_key, openers, campaign, specs[step.spec], by_id.get(step.key)) for step in plan.steps
    )


def _task_of(
    step: Step,
    ids_by_key: Mapping[str, str],
    openers: Mapping[str, Sequence[str]],
    campaign: Campaign,
    spec: Spec,
    came_in: Input | None,
) -> Task:
    return Task(
        id=ids_by_key[step.key],
        campaign_id=campaign.id,
        agent_id=campaign.agent_id,
        spec=spec.ref,
        key=step.key,
        input=step.input,
        labels=_labels_of(came_in),
        threat=str(highest([ThreatLevel(came_in.threat)] if came_in else [])),
        input_id=came_in.id if came_in else None,
        awaits=tuple(ids_by_key[key] for key in step.after),
        opens=tuple(openers[step.key]),
        pending=len(step.after),
        due_at_us=step.not_before_us,
        # What came of it is put together when its time is over.
        ends_at_us=0 if spec.name == REPORT else campaign.goal.ends_at_us,
        is_timed=step.not_before_us > 0,
        # Of what is urgent only the plan's own steps pass the others: they come to an end.
        priority=step.rank - (RANK_MAX + 1 if campaign.goal.urgent and came_in is None else 0),
        state=TaskState.WAITING if step.after else TaskState.READY,
    )


def _labels_of(came_in: Input | None) -> Labels:
    return came_in.labels if came_in else labels.TRUSTED


def at_birth(tasks: tuple[Task, ...], turn: Turn, *, leased_until_us: int | None) -> tuple[Task, ...]:
    """With the labels that they inherit; waiting where the campaign waits for a person, leased where a worker does."""
    if turn.carried:
        tasks = tuple(replace(task, labels=labels.union(task.labels, turn.carried)) for task in tasks)
    if turn.after.course is Course.PLAN_WAITS:
        return tuple(task.barred() for task in tasks)
    if leased_until_us is not None:
        return tuple(task.leased_at_birth(leased_until_us) for task in tasks)
    return tasks


def adopted_data(
    campaign: Campaign, plan: Plan, turn: Turn, tasks: Sequence[Task], planned: Sequence[Input]
) -> dict[str, Any]:
    """What goes on record of an adopted plan."""
    return {
        "campaign": campaign.id,
        "version": campaign.version,
        "steps": len(tasks),
        "specs": sorted({str(task.spec) for task in tasks}),
        "inputs": [one.id for one in planned],
        "dropped": [one.id for one in planned if one.state is InputState.DROPPED],
        "analysis": plan.analysis[:500],
        "safety": plan.safety,
        "tests": plan.tests,
        **({"replaces": [task.id for task in turn.replaced]} if turn.replaced else {}),
        **({"stage": str(turn.after.course)} if turn.after.course is not campaign.course else {}),
    }
