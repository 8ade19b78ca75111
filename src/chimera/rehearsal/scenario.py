"""What a rehearsal is made of: one frozen struct. Two runs of the same scenario are the same run."""

from __future__ import annotations

from msgspec import Struct, field

SOCIAL = "sandbox"
PAY = "sandbox.pay"
PLATFORMS = (SOCIAL, PAY)


class Outage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The network refuses connections in this window, counted from the start of the rehearsal."""

    from_seconds: float
    to_seconds: float


class FaultRates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many of ten thousand calls meet which fault."""

    unavailable_bp: int = 0
    rate_limited_bp: int = 0
    reply_lost_bp: int = 0
    request_lost_bp: int = 0
    late_bp: int = 0
    slow_bp: int = 0
    slow_seconds: float = 2.0
    late_seconds: float = 2.0


class Rules(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network permits, what it can do about doubt, and how soon its moderators act."""

    posts_per_hour_max: int = 60
    graphemes_max: int = 300
    deduplicates: bool = True
    looks_up: bool = True
    settling_seconds: float = 5.0
    strikes_max: int = 3
    same_words_max: int = 20
    moderated_seconds: float = 5.0


class Manners(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The offline model: how often it misbehaves, how often it obeys an order that it reads, its cost and latency.

    In one style of posts it may go wrong more often than in others.
    """

    misbehaviour_bp: int = 1_500
    reckless_style: str = ""
    reckless_bp: int = 0
    obey_bp: int = 6_000
    cost_micros_min: int = 300
    cost_micros_max: int = 900
    latency_ms_min: int = 0
    latency_ms_max: int = 0


class Scenario(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole rehearsal. `tempo` is how many seconds pass on the network in one second of the clock."""

    seed: int = 1
    people: int = 300
    trolls: int = 6
    bots: int = 3
    attackers: int = 5
    attacks: int = 18
    attacks_from_seconds: float = 1.0
    attacks_to_seconds: float = 18.0
    decoys_bp: int = 400
    tempo: int = 120
    topics: tuple[str, ...] = (
        "speedruns",
        "cozy farming sims",
        "roguelikes",
        "retro consoles",
        "boss fights",
        "patch notes",
        "indie demos",
        "couch co-op",
        "modding",
        "soundtracks",
        "pixel art",
        "strategy games",
    )
    outages: tuple[Outage, ...] = ()
    faults: FaultRates = field(default_factory=FaultRates)
    rules: Rules = field(default_factory=Rules)
    manners: Manners = field(default_factory=Manners)


DEMO = Scenario(
    faults=FaultRates(
        unavailable_bp=100,
        rate_limited_bp=100,
        reply_lost_bp=100,
        request_lost_bp=50,
        late_bp=50,
        slow_bp=100,
        slow_seconds=0.5,
        late_seconds=1.0,
    ),
    manners=Manners(latency_ms_min=5, latency_ms_max=40),
)
CALM = Scenario(trolls=0, bots=0, attackers=0, attacks=0, decoys_bp=0, manners=Manners(misbehaviour_bp=0, obey_bp=0))
