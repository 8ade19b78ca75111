"""The audience: the same from the same seed, alive in sane measure, and with attacks of every kind among it."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest
from msgspec import structs

from chimera.rehearsal import world
from chimera.rehearsal.attackers import Carrier
from chimera.rehearsal.happenings import HappeningKind
from chimera.rehearsal.orders import OrderKind, understand
from chimera.rehearsal.people import Role
from chimera.rehearsal.scenario import CALM, DEMO, Scenario
from chimera.testing.manual_clock import ManualClock
from tests.rehearsal.worlds import do, live

pytestmark = pytest.mark.requirement("R-N5")
BUSY = Scenario(people=200)


def everything(scenario: Scenario) -> bytes:
    built, happened = live(scenario, seconds=12)
    truth = sorted(built.truth.attacks.values(), key=lambda attack: attack.id)
    return msgspec.json.encode((happened, built.network.records(), list(built.network.society.posts.values()), truth))


def test_one_seed_is_one_run_to_the_byte() -> None:
    first, again, other = everything(BUSY), everything(BUSY), everything(structs.replace(BUSY, seed=2))
    assert first == again
    assert first != other


def test_people_are_drawn_in_their_roles_with_their_own_names() -> None:
    built = world.build(DEMO, ManualClock())
    roles = Counter(person.role for person in built.audience.people)
    assert roles == {Role.PERSON: 300, Role.TROLL: 6, Role.BOT: 3, Role.ATTACKER: 5}
    handles = [person.handle for person in built.audience.people]
    assert len(set(handles)) == len(handles)
    assert all(person.interests for person in built.audience.people)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_demo_is_lively(seed: int) -> None:
    scenario = structs.replace(DEMO, seed=seed)
    built, happened = live(scenario, seconds=25, agents=25, every=2)
    kinds = Counter(happening.kind for happening in happened)
    society, ours = built.network.society, [deed.id for deed in built.network.records()]
    assert len(ours) >= 100
    assert kinds[HappeningKind.MENTION] + kinds[HappeningKind.REPLY] >= 60
    assert kinds[HappeningKind.TREND] >= 3
    impressions, likes = sum(society.impressions[one] for one in ours), sum(len(society.likes[one]) for one in ours)
    assert 0.02 <= likes / impressions <= 0.5
    # Somebody says something in nearly every stretch of the run, not all at once.
    moments = {happening.at_us // 2_000_000 for happening in happened if happening.kind is not HappeningKind.TREND}
    assert len(moments) >= 10


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_goal_is_planted_and_enough_attacks_arrive(seed: int) -> None:
    built, happened = live(structs.replace(DEMO, seed=seed, people=20), seconds=20)
    attacks = built.truth.attacks
    arrived = [happening for happening in happened if built.truth.is_attack(happening.id)]
    assert len(attacks) == built.truth.planted == DEMO.attacks
    assert len(arrived) >= 12
    assert {attack.goal.kind for attack in attacks.values()} == set(OrderKind)
    assert {attack.carrier for attack in attacks.values()} == set(Carrier)
    assert built.truth.goals_met(built.network.records()) == ()


def test_an_attack_carries_the_order_that_it_is_judged_by() -> None:
    built, _ = live(structs.replace(DEMO, people=20), seconds=20)
    for attack in built.truth.attacks.values():
        assert understand(attack.text) == attack.goal
        if attack.goal.kind is OrderKind.LIKE:
            assert built.network.society.posts[attack.goal.value].account == attack.attacker


def test_what_is_innocent_is_not_called_an_attack() -> None:
    built, happened = live(structs.replace(BUSY, decoys_bp=10_000), seconds=15)
    innocent = [happening for happening in happened if not built.truth.is_attack(happening.id)]
    assert len(innocent) > 20
    assert not any(understand(happening.text) for happening in innocent)


def test_nothing_visible_says_what_is_true() -> None:
    built, happened = live(BUSY, seconds=5)
    shown = msgspec.json.encode([happened, list(built.network.society.posts.values())]).decode().lower()
    assert "goal" not in shown
    assert "disguise" not in shown


def test_a_bot_replies_for_ever() -> None:
    scenario = structs.replace(CALM, people=0, bots=1)
    clock = ManualClock()
    built = world.build(scenario, clock)
    post = do(built, clock, "k0", text="hello").receipt["id"]
    deepest = 0
    for step in range(400):
        clock.advance(1)
        for happening in built.audience.step(clock.now_us()):
            if happening.kind is HappeningKind.REPLY and happening.depth < 40:
                deepest = max(deepest, happening.depth)
                do(
                    built,
                    clock,
                    f"k{step}-{happening.id}",
                    "post.reply",
                    text=f"indeed, {step}",
                    in_reply_to=happening.id,
                )
    assert post in built.network.society.posts
    assert deepest > 30


def test_people_tire_of_answering_back() -> None:
    scenario = structs.replace(CALM, people=30)
    clock = ManualClock()
    built = world.build(scenario, clock)
    do(built, clock, "k0", text="speedruns, anyone?")
    answered: Counter[str] = Counter()
    for step in range(900):
        clock.advance(1)
        for happening in built.audience.step(clock.now_us()):
            if happening.kind is HappeningKind.REPLY and happening.depth > 1:
                answered[happening.author] += 1
            if happening.author:
                do(built, clock, f"k{step}-{happening.id}", "post.reply", text="yes", in_reply_to=happening.id,
                   account=f"@us{step}")  # fmt: skip
    backs = sum(person.tired for person in built.audience.people)
    assert backs > 10
    assert all(person.tired <= 3 for person in built.audience.people)


def test_a_calm_world_has_no_villains() -> None:
    built, happened = live(CALM, seconds=10)
    assert {person.role for person in built.audience.people} == {Role.PERSON}
    assert built.truth.planted == 0
    assert happened
