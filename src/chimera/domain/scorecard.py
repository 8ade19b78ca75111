"""What came of rehearsing one version of an agent before crowds from seeds. Counts alone; nothing is decided by it."""

from __future__ import annotations

from msgspec import Struct

from chimera.domain import ids
from chimera.domain.record import Record


class Trial(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One crowd: what the version came to with it, and what choosing by chance did."""

    seed: int
    posts: int
    impressions: int
    engagements: int
    chance_impressions: int
    chance_engagements: int


class Scorecard(Record, frozen=True, kw_only=True):
    """One version in one scenario. The same version, scenario and seeds give the same card, so it is written once."""

    agent_id: str
    package_version: str
    digest: str
    scenario: str
    days: int
    people: int
    posts_per_day: int
    hours: int
    pictures: bool
    trials: tuple[Trial, ...]
    rehearsed_by: str
    rehearsed_at_us: int

    @property
    def scope(self) -> str:
        return self.agent_id


def scorecard_id(agent_id: str, *, digest: str, scenario_digest: str) -> str:
    """The id of a version's card in a scenario as it was written then."""
    return ids.derive(agent_id, "scorecard", digest, scenario_digest)
