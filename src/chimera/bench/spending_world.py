"""A simulated fleet that pays its bills, and attackers among them, from a seed, with the truth about each payment.

Normal spending: agents with habits (vendors, amounts, hours), a few new vendors, now and then a larger bill. Planted:
drain, splitting, look-alike, velocity, collusion. Nothing here knows the CFO.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from msgspec import Struct

from chimera.domain.durations import DAY_US, HOUR_US
from chimera.domain.money import MICROS

KINDS = ("drain", "splitting", "look_alike", "velocity", "collusion")
_VENDORS = (
    ("render-farm", "compute", "render the trailer", 4.0),
    ("nordic-gpu", "compute", "gpu hours for training", 6.5),
    ("cloudbarn hosting", "compute", "server rent", 3.2),
    ("pixelhost", "storage", "backup of the archive", 1.4),
    ("coldvault", "storage", "archive bucket", 0.9),
    ("trendwire", "api", "api calls for trends", 0.6),
    ("speechly-api", "api", "voice api requests", 1.1),
    ("lexibase", "api", "data subscription", 2.3),
    ("stockphoto.works", "content", "stock photo licence", 2.8),
    ("loopmusic", "content", "music licence", 3.9),
    ("fontmakers", "content", "font licence", 5.2),
    ("clipboard-ads", "promotion", "ad placement", 4.6),
    ("streamboost", "promotion", "boost of the post", 3.4),
    ("captionmill", "content", "video captions", 1.7),
)
_SYLLABLES = (
    "ka",
    "lo",
    "mi",
    "ren",
    "tor",
    "ves",
    "pan",
    "dis",
    "qua",
    "zel",
    "bri",
    "hun",
    "fo",
    "gra",
    "sti",
    "mel",
)


class Attempt(Struct, frozen=True, kw_only=True):
    """One payment that somebody asks for, with the truth about it. `incident` joins the parts of one attack."""

    at_us: int
    agent_id: str
    recipient: str
    category: str
    purpose: str
    amount_micros: int
    fraud: str = ""
    incident: int = 0


class Habit(Struct, frozen=True, kw_only=True):
    """Whom an agent usually pays, how often, and at which hours."""

    agent_id: str
    vendors: tuple[tuple[str, str, str, float], ...]
    per_day: float
    hours: tuple[int, int]


def world(seed: int, *, agents: int, days: int, incidents: int, begins_us: int) -> tuple[Attempt, ...]:
    """Every payment of some weeks, in the order of time. Attacks come after two weeks of history."""
    dice = random.Random(seed)
    habits = [_habit(dice, number) for number in range(agents)]
    attempts = [one for habit in habits for one in _ordinary(dice, habit, days, begins_us)]
    for number in range(incidents):
        kind = KINDS[number % len(KINDS)]
        at_us = begins_us + round(dice.uniform(14, days - 1) * DAY_US)
        attempts += _attack(dice, kind, number + 1, habits, at_us)
    return tuple(sorted(attempts, key=lambda one: one.at_us))


def _habit(dice: random.Random, number: int) -> Habit:
    start = dice.randrange(24)
    own = tuple(_vendor_of(dice) for _ in range(2))
    return Habit(
        agent_id=f"agent-{number:03d}",
        vendors=(*dice.sample(_VENDORS, 3), *own),
        per_day=dice.uniform(1.0, 2.5),
        hours=(start, 10),
    )


def _vendor_of(dice: random.Random) -> tuple[str, str, str, float]:
    _, category, purpose, amount = dice.choice(_VENDORS)
    return _name(dice), category, purpose, amount * dice.uniform(0.6, 1.6)


def _name(dice: random.Random) -> str:
    return "".join(dice.choice(_SYLLABLES) for _ in range(dice.randint(3, 5))) + dice.choice(
        (" gmbh", ".io", " studio", "")
    )


def _ordinary(dice: random.Random, habit: Habit, days: int, begins_us: int) -> Iterator[Attempt]:
    vendors = list(habit.vendors)
    for day in range(days):
        if dice.random() < 0.02:
            vendors.append(_vendor_of(dice))
        for _ in range(_poisson(dice, habit.per_day)):
            name, category, purpose, usual = dice.choice(vendors)
            hour = (habit.hours[0] + dice.triangular(0, habit.hours[1], habit.hours[1] / 2)) % 24
            amount = min(usual * dice.lognormvariate(0, 0.25), 9.8) * (
                dice.uniform(1.5, 3.0) if dice.random() < 0.01 else 1
            )
            yield Attempt(
                at_us=begins_us + day * DAY_US + round(hour * HOUR_US),
                agent_id=habit.agent_id,
                recipient=name,
                category=category,
                purpose=purpose,
                amount_micros=round(amount * 100) * MICROS // 100 or 10_000,
            )


def _poisson(dice: random.Random, mean: float) -> int:
    count, passed = 0, dice.expovariate(mean)
    while passed < 1:
        count, passed = count + 1, passed + dice.expovariate(mean)
    return count


def _attack(dice: random.Random, kind: str, incident: int, habits: list[Habit], at_us: int) -> list[Attempt]:
    """One incident: its payments, minutes apart, by one agent that was taken over, or by several."""
    habit = dice.choice(habits)
    others = dice.sample(habits, min(len(habits), dice.randint(4, 7)))
    thief = _name(dice)
    name, category, purpose, usual = dice.choice(habit.vendors)
    match kind:
        case "drain":
            plan = [(habit, thief, usual * dice.uniform(5, 15), 20.0) for _ in range(dice.randint(3, 6))]
        case "splitting":
            plan = [(habit, thief, dice.uniform(7.2, 9.9), dice.uniform(5, 90)) for _ in range(dice.randint(4, 8))]
        case "look_alike":
            plan = [
                (habit, disguised(dice, name), usual * dice.uniform(0.8, 1.3), 30.0) for _ in range(dice.randint(1, 3))
            ]
        case "velocity":
            plan = [
                (habit, thief, usual * dice.uniform(0.3, 0.9), dice.uniform(0.2, 2))
                for _ in range(dice.randint(15, 30))
            ]
        case _:
            plan = [(one, thief, dice.uniform(2, 6), dice.uniform(10, 200)) for one in others]
    made: list[Attempt] = []
    for who, recipient, amount, minutes in plan:
        at_us += round(minutes * 60_000_000)
        made.append(
            Attempt(
                at_us=at_us,
                agent_id=who.agent_id,
                recipient=recipient,
                category=category,
                purpose=purpose,
                amount_micros=round(amount * 100) * MICROS // 100,
                fraud=kind,
                incident=incident,
            )
        )
    return made


def disguised(dice: random.Random, name: str) -> str:
    """A name that a tired person takes for another: a foreign letter, a digit, two letters changed, one too many."""
    swaps = {"a": "а", "e": "е", "o": "о", "c": "с", "i": "1", "l": "1", "m": "rn"}
    places = [n for n, letter in enumerate(name) if letter in swaps]
    turns = [n for n in range(len(name) - 1) if name[n] != name[n + 1] and name[n : n + 2].isalpha()]
    way = dice.randrange(3)
    if way == 0 and places:
        at = dice.choice(places)
        return name[:at] + swaps[name[at]] + name[at + 1 :]
    if way == 1 and turns:
        at = dice.choice(turns)
        return name[:at] + name[at + 1] + name[at] + name[at + 2 :]
    at = dice.choice([n for n, letter in enumerate(name) if letter.isalpha()])
    return name[:at] + name[at] + name[at:]
