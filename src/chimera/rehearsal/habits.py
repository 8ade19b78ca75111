"""What a crowd is like, and a post as a crowd meets it. Values only: the crowd itself needs numpy."""

from __future__ import annotations

from msgspec import Struct

HOURS = 24


class Habits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a crowd is like. Shares are of ten thousand."""

    people: int = 10_000
    topics: int = 12
    interests: int = 3
    hot_topics: int = 2
    hot_hours: int = 12
    sees_bp: int = 300
    sees_interested_bp: int = 600
    likes_bp: int = 60
    likes_interested_bp: int = 450
    hot_times: float = 2.0
    picture_times: float = 1.25
    mood_spread: float = 0.25
    tires: float = 0.06
    rests_hours: float = 24.0
    shares_bp: int = 800
    reached_by_share: int = 12
    waves_max: int = 3


class Shown(Struct, frozen=True, kw_only=True):
    """A post as the crowd meets it: what it is about, at which hour of the rehearsal, whether it has a picture."""

    topic: int
    hour: int
    picture: bool = False
