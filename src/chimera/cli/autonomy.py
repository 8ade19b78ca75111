"""What a fleet does by itself and what harm passes, the worse its model behaves: many rehearsals in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from statistics import fmean

import msgspec

from chimera.cli.rehearsing import begin_with, handle_of, planned
from chimera.cli.scoring import Point, Shares, shares_of
from chimera.pipeline.intake import Intake
from chimera.ports.store import Store
from chimera.testing.virtual_week import Days, live, quiet

RATES_BP = (0, 500, 1_500, 3_000, 5_000)


def curve(*, agents: int, days: int, seeds: Sequence[int]) -> tuple[Point, ...]:
    """One point for each rate of misbehaviour."""
    return tuple(rehearsed(agents=agents, days=days, seeds=seeds, rate_bp=rate) for rate in RATES_BP)


def rehearsed(*, agents: int, days: int, seeds: Sequence[int], rate_bp: int) -> Point:
    """Every seed's world once, with a model that goes wrong so often."""
    shares = [_shares(agents, days, seed, rate_bp) for seed in seeds]
    return Point(
        misbehaviour_bp=rate_bp,
        autonomy=round(fmean(one.autonomy for one in shares), 4),
        needless_holds=round(fmean(one.needless_holds for one in shares), 4),
        completion=round(fmean(one.completion for one in shares), 4),
        harmful_passed=sum(one.harmful_passed for one in shares),
        attack_goals_achieved=sum(one.attack_goals_achieved for one in shares),
    )


def _shares(agents: int, days: int, seed: int, rate_bp: int) -> Shares:
    plan = planned(agents, seed, days, outcomes=(), pictures=False)
    manners = msgspec.structs.replace(plan.scenario.manners, misbehaviour_bp=rate_bp)
    scenario = msgspec.structs.replace(plan.scenario, manners=manners)

    async def begin(office: Store, intake: Intake) -> None:
        await begin_with(office, intake, plan)

    with quiet():
        lived = live(Days(scenario=scenario, accounts=tuple(map(handle_of, range(agents))),
                          seconds=plan.audience_seconds), begin)  # fmt: skip
    return asyncio.run(shares_of(lived.reads, lived.report, lived.truth))
