"""The bandit in a whole fleet before publics that it has never met: it brings more, and never trades safety for it."""

from __future__ import annotations

import asyncio
from statistics import fmean

import pytest
from msgspec.structs import replace

from chimera.cli.rehearsing import begin_with, handle_of, planned
from chimera.domain.manifest import VariantsPart
from chimera.domain.measurement import Measurement
from chimera.domain.task import Task
from chimera.domain.variants import STYLES
from chimera.learning.choices import WORSE, choice_of
from chimera.pipeline.intake import Intake
from chimera.ports.store import Store, every
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.scenario import Manners
from chimera.rehearsal.taste import taste_of
from chimera.testing.virtual_week import Days, Lived, live, quiet

# Some twenty whole weeks of a fleet, one like the other.
pytestmark = [pytest.mark.requirement("R-B6", "R-I2", "R-N5"), pytest.mark.slow]
DAYS, PEOPLE = 8, 60
TIMES = ("06:00", "10:00", "14:00", "18:00", "22:00")
TRIED = VariantsPart(styles=STYLES, times=TIMES)
FIXED = VariantsPart(styles=STYLES[:1], times=TIMES[:1])


def lived(seed: int, variants: VariantsPart, *, manners: Manners | None = None) -> Lived:
    """One agent's week before one public, without anybody who disturbs it."""
    plan = replace(planned(1, seed, DAYS, outcomes=(), pictures=False), variants=variants)
    scenario = replace(plan.scenario, people=PEOPLE, attacks=0, attackers=0, trolls=0, bots=0,
                       manners=manners or plan.scenario.manners)  # fmt: skip

    async def begin(office: Store, intake: Intake) -> None:
        await begin_with(office, intake, plan)

    with quiet():
        return live(Days(scenario=scenario, accounts=(handle_of(0),), seconds=plan.audience_seconds), begin)


def measured(week: Lived) -> list[Measurement]:
    async def known() -> list[Measurement]:
        return [one async for one in every(week.reads, Measurement) if one.is_measured and "time" in one.variants]

    return asyncio.run(known())


def chosen(week: Lived) -> list[Task]:
    async def tasks() -> list[Task]:
        return [one async for one in every(week.reads, Task) if one.choice is not None]

    return sorted(asyncio.run(tasks()), key=lambda task: sum(one.posts for one in task.choice.beliefs))  # type: ignore[union-attr]


def liked_most(seed: int) -> str:
    styles = taste_of(Dice.of(seed, "taste")).styles
    return max(styles, key=lambda style: styles[style])


def held_out() -> list[int]:
    """The first three publics of each taste: the fixed style is what a third of them like most, as by chance."""
    seeds = range(911, 999)
    return [seed for style in STYLES for seed in [one for one in seeds if liked_most(one) == style][:3]]


# Eighteen weeks before publics: a minute alone, three where the others' tests run beside it and lines are counted.
@pytest.mark.timeout(600)
def test_it_brings_more_than_a_fixed_choice_over_held_out_publics() -> None:
    weeks = [(measured(lived(seed, TRIED)), measured(lived(seed, FIXED))) for seed in held_out()]
    ours, fixed = ([one.engagements for pair in weeks for one in pair[number]] for number in (0, 1))
    assert len(ours) > 15 * len(held_out())
    assert fmean(ours) > 1.2 * fmean(fixed)
    rates = [sum(one.engagements for one in of) / sum(one.impressions or 0 for one in of)
             for of in ([one for pair in weeks for one in pair[number]] for number in (0, 1))]  # fmt: skip
    assert rates[0] > 1.2 * rates[1]
    assert rates[0] > 0.02


def test_what_a_public_likes_most_is_given_up_where_it_makes_trouble() -> None:
    seed = next(seed for seed in range(921, 999) if liked_most(seed) == "banter")
    week = lived(seed, TRIED, manners=Manners(misbehaviour_bp=300, reckless_style="banter", reckless_bp=9_000))
    tasks = chosen(week)
    beliefs = [{(one.factor, one.variant): one for one in task.choice.beliefs} for task in tasks if task.choice]
    assert len(tasks) > 20
    for task, believed in zip(tasks, beliefs, strict=True):
        assert task.choice == choice_of(task.choice.beliefs, seed=task.choice.seed) if task.choice else False
        assert not any(believed[pair].barred for pair in task.choice.chosen.items()) if task.choice else False
    assert any(believed["style", "banter"].barred == WORSE for believed in beliefs)
    late = [task.choice.chosen["style"] for task in tasks[len(tasks) // 2 :] if task.choice]
    assert late.count("banter") == 0
    assert week.truth.harm_in(week.report.records) == ()
