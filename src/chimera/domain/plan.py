"""A plan: a DAG of typed tasks with its Safety and Test parts. Says what is wrong with one; may not adopt it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from msgspec import Struct

from chimera.domain.errors import Invalid, Refused
from chimera.domain.spec import Spec

STEPS_MAX = 256
# Lower goes first. What nobody ranked stands at 100.
RANK_MIN, RANK_MAX = 0, 1_000
KEY_LENGTH_MAX = 64


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One task to be: its type, its input, what it waits for."""

    key: str
    spec: str
    input: dict[str, Any]
    after: tuple[str, ...] = ()
    not_before_us: int = 0
    rank: int = 100


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the planner proposes for one campaign at one version of its state."""

    analysis: str
    steps: tuple[Step, ...]
    safety: tuple[str, ...]
    tests: tuple[str, ...]


def require_sound(
    plan: Plan,
    *,
    specs: Mapping[str, Spec],
    permissions: Collection[str],
    capabilities: Collection[str],
    budget_micros: int,
) -> None:
    """Refuse a plan that is too large, cyclic, over budget, not permitted, or without its Safety and Test parts."""
    if not plan.steps or len(plan.steps) > STEPS_MAX:
        raise Invalid(
            "plan_size",
            f"{len(plan.steps)} steps; a plan has 1 to {STEPS_MAX}",
            where="plan.steps",
            remedy="the planner tries again by itself",
        )
    if not plan.safety or not plan.tests:
        raise Invalid(
            "plan_incomplete",
            "the Safety or the Test part is missing",
            where="plan",
            remedy="say what may go wrong and how the result is checked",
        )
    _require_keys(plan)
    _require_ranks(plan)
    _require_specs(plan, specs)
    _require_permitted(plan, specs, permissions)
    _require_capable(plan, specs, capabilities)
    _require_acyclic(plan)
    _require_within(plan, specs, budget_micros)


def _require_keys(plan: Plan) -> None:
    keys = [step.key for step in plan.steps]
    if len(set(keys)) != len(keys):
        raise Invalid(
            "plan_key_twice", "two steps share a key", where="plan.steps", remedy="the planner tries again by itself"
        )
    if any(not key or len(key) > KEY_LENGTH_MAX for key in keys):
        raise Invalid(
            "plan_key_malformed",
            f"a key has 1 to {KEY_LENGTH_MAX} characters",
            where="plan.steps",
            remedy="the planner tries again by itself",
        )
    unknown = sorted({name for step in plan.steps for name in step.after} - set(keys))
    if unknown:
        raise Invalid(
            "plan_after_unknown",
            f"{unknown[0]!r} is waited for and not in the plan",
            where="plan.steps",
            remedy="the planner tries again by itself",
        )


def _require_ranks(plan: Plan) -> None:
    """A plan may put its steps in an order, and not itself before everything else that there is."""
    for step in plan.steps:
        if not RANK_MIN <= step.rank <= RANK_MAX:
            raise Invalid("plan_rank", f"rank {step.rank}; a step has {RANK_MIN} to {RANK_MAX}",
                          where=f"plan.steps.{step.key}", remedy="the planner tries again by itself")  # fmt: skip


def _require_specs(plan: Plan, specs: Mapping[str, Spec]) -> None:
    for step in plan.steps:
        if step.spec not in specs:
            raise Invalid(
                "plan_spec_unknown",
                f"there is no task type {step.spec!r}",
                where=f"plan.steps.{step.key}",
                remedy=f"use one of {', '.join(sorted(specs))}",
            )


def _require_permitted(plan: Plan, specs: Mapping[str, Spec], permissions: Collection[str]) -> None:
    for step in plan.steps:
        lacking = sorted(set(specs[step.spec].permissions) - set(permissions))
        if lacking:
            raise Refused(
                "plan_not_permitted",
                f"{step.spec} needs the permission {lacking[0]}",
                where=f"plan.steps.{step.key}",
                remedy="add it to the agent's manifest",
            )


def _require_capable(plan: Plan, specs: Mapping[str, Spec], capabilities: Collection[str]) -> None:
    for step in plan.steps:
        if specs[step.spec].skill not in capabilities:
            raise Refused(
                "plan_not_capable",
                f"{step.spec} needs the skill {specs[step.spec].skill}",
                where=f"plan.steps.{step.key}",
                remedy="add it to the capabilities of the agent's manifest",
            )


def _require_acyclic(plan: Plan) -> None:
    try:
        TopologicalSorter({step.key: step.after for step in plan.steps}).prepare()
    except CycleError as error:
        cycle = " → ".join(str(key) for key in error.args[1])
        raise Invalid(
            "plan_cyclic",
            f"steps wait for each other: {cycle}",
            where="plan.steps",
            remedy="the planner tries again by itself",
        ) from error


def _require_within(plan: Plan, specs: Mapping[str, Spec], budget_micros: int) -> None:
    cost_micros = sum(specs[step.spec].limits.cost_micros_max for step in plan.steps)
    if cost_micros > budget_micros:
        raise Invalid(
            "plan_over_budget",
            f"the plan may cost {cost_micros} micros, the campaign has {budget_micros}",
            where="plan",
            remedy="plan less, or raise the campaign's budget",
        )
