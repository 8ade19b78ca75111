"""What a seed draws before a run begins: how large the world is, and how often what goes wrong. Values only."""

from __future__ import annotations

import random

import msgspec
from msgspec import Struct

from chimera.rehearsal.scenario import CALM, FaultRates, Manners, Rules, Scenario


class Odds(Struct, frozen=True, kw_only=True):
    """Chances per occasion, of 1. All zero once the world is to come to rest."""

    crash_before: float = 0.0
    crash_after: float = 0.0
    crash_at_network: float = 0.0
    freeze: float = 0.0
    store_away: float = 0.0
    commit_slow: float = 0.0
    vault_away: float = 0.0
    result_lost: float = 0.0
    result_doubled: float = 0.0
    result_late: float = 0.0
    worker_dead: float = 0.0
    model_away: float = 0.0
    model_slow: float = 0.0
    model_garbled: float = 0.0


class Size(Struct, frozen=True, kw_only=True):
    """How much there is, and for how long faults go on."""

    agents: int
    campaigns: int
    mentions: int
    people: int
    seconds: float


class Draw(Struct, frozen=True, kw_only=True):
    """One world to be."""

    odds: Odds
    size: Size
    scenario: Scenario
    second_manager: bool
    changes: int

    @property
    def calm_scenario(self) -> Scenario:
        """The same network on its good days."""
        return msgspec.structs.replace(self.scenario, faults=FaultRates())


NO_FAULTS = Odds()


def draw(dice: random.Random) -> Draw:
    """The world of a seed. Some are calm, so that what always fails cannot hide behind what sometimes does."""
    violence = dice.choice((0.0, 0.3, 1.0, 1.0, 2.0))
    return Draw(
        odds=_odds(dice, violence),
        size=Size(
            agents=dice.randint(1, 3),
            campaigns=dice.randint(1, 3),
            mentions=dice.randint(0, 5),
            people=dice.randint(0, 2),
            seconds=dice.uniform(8.0, 40.0),
        ),
        scenario=_scenario(dice, violence),
        second_manager=violence > 0 and dice.random() < 0.25,
        changes=dice.randint(0, 4),
    )


def _odds(dice: random.Random, violence: float) -> Odds:
    def some(most: float) -> float:
        """Often nothing, else up to the most."""
        return violence * dice.choice((0.0, 0.3, 1.0)) * most

    return Odds(
        crash_before=some(0.03),
        crash_after=some(0.05),
        crash_at_network=some(0.15),
        freeze=some(0.02),
        store_away=some(0.03),
        commit_slow=some(0.3),
        vault_away=some(0.3),
        result_lost=some(0.08),
        result_doubled=some(0.2),
        result_late=some(0.2),
        worker_dead=some(0.08),
        model_away=some(0.1),
        model_slow=some(0.05),
        model_garbled=some(0.1),
    )


def _scenario(dice: random.Random, violence: float) -> Scenario:
    deduplicates, looks_up = dice.choice(((True, True), (True, False), (False, True), (False, False)))

    def rate(most_bp: int) -> int:
        return int(violence * dice.choice((0.0, 0.5, 1.0)) * most_bp)

    return Scenario(
        seed=dice.getrandbits(32),
        people=0,
        trolls=CALM.trolls,
        bots=CALM.bots,
        attackers=CALM.attackers,
        attacks=CALM.attacks,
        faults=FaultRates(
            unavailable_bp=rate(600),
            rate_limited_bp=rate(600),
            reply_lost_bp=rate(1_000),
            request_lost_bp=rate(600),
            late_bp=rate(800),
            slow_bp=rate(800),
            slow_seconds=dice.choice((0.5, 8.0, 25.0)),
            late_seconds=dice.choice((0.5, 4.5)),
        ),
        rules=Rules(
            deduplicates=deduplicates,
            looks_up=looks_up,
            settling_seconds=5.0,
            posts_per_hour_max=dice.choice((3, 60)),
        ),
        manners=Manners(misbehaviour_bp=dice.choice((0, 1_500, 4_000)), latency_ms_min=1, latency_ms_max=40),
    )
