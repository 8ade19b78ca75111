"""The audience: who they are, what they like, when they are awake. Drawn from a seed; they know no fleet."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from chimera.rehearsal import phrases
from chimera.rehearsal.dice import Dice
from chimera.rehearsal.scenario import Scenario

HOURS = 24
INTERESTS_MAX = 4


class Role(StrEnum):
    """What kind of person it is."""

    PERSON = "person"
    TROLL = "troll"
    BOT = "bot"
    ATTACKER = "attacker"


class Person(Struct, kw_only=True):
    """One account of the audience. `mean_gap_us` is how long it rests between two looks, on the network's time."""

    handle: str
    role: Role
    bio: str
    interests: tuple[str, ...]
    awake_from: int
    awake_hours: int
    mean_gap_us: int
    talkative_bp: int
    generous_bp: int
    tired: int = 0

    def is_awake(self, hour: int) -> bool:
        """Whether this hour of the day is one of theirs."""
        return (hour - self.awake_from) % HOURS < self.awake_hours


def populate(scenario: Scenario, dice: Dice) -> tuple[Person, ...]:
    """Everybody, in a fixed order."""
    roles = (
        (Role.PERSON, scenario.people),
        (Role.TROLL, scenario.trolls),
        (Role.BOT, scenario.bots),
        (Role.ATTACKER, scenario.attackers),
    )
    return tuple(_person(role, index, scenario, dice) for role, count in roles for index in range(count))


def _person(role: Role, index: int, scenario: Scenario, dice: Dice) -> Person:
    interests = dice.some(scenario.topics, count=dice.between(1, INTERESTS_MAX))
    minutes = {Role.PERSON: (4, 40), Role.TROLL: (6, 20), Role.BOT: (2, 4), Role.ATTACKER: (20, 60)}[role]
    return Person(
        handle=_handle(role, index, dice),
        role=role,
        bio=f"{' and '.join(interests[:2])}, mostly",
        interests=interests,
        awake_from=dice.below(HOURS),
        awake_hours=HOURS if role is Role.BOT else dice.between(12, 18),
        mean_gap_us=dice.between(*minutes) * 60 * 1_000_000,
        talkative_bp=dice.between(300, 3_000),
        generous_bp=dice.between(1_500, 6_000),
    )


def _handle(role: Role, index: int, dice: Dice) -> str:
    if role is Role.ATTACKER:
        return f"@{phrases.ATTACKER_NAMES[index % len(phrases.ATTACKER_NAMES)]}{index}"
    return f"@{dice.pick(phrases.GIVEN_NAMES)}.{dice.pick(phrases.NICKS)}{index}"
