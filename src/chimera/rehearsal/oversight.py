"""What whoever scores a rehearsal may ask about it, as values that travel. The fleet never sees any of this."""

from __future__ import annotations

from msgspec import Struct

from chimera.rehearsal.happenings import Happening
from chimera.rehearsal.records import Deed
from chimera.rehearsal.truth import Attack, GoalMet


class Records(Struct, frozen=True, kw_only=True):
    """The network's own records."""

    deeds: tuple[Deed, ...]


class Happened(Struct, frozen=True, kw_only=True):
    """What happened beyond a position, and the position to ask from next."""

    happenings: tuple[Happening, ...]
    next: int


class Truth(Struct, frozen=True, kw_only=True):
    """The attacks that there were, and those that got what they wanted."""

    attacks: tuple[Attack, ...]
    goals_met: tuple[GoalMet, ...]
