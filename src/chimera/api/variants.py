"""What an agent's bandit tries: each variant with what came of it, and how likely it is to be next. Shows only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from msgspec import Struct

from chimera.api.route import Needs, Route
from chimera.api.words import Id
from chimera.domain.agent import Agent
from chimera.domain.durations import DAY_US
from chimera.domain.figures import VariantFigures, by_variant
from chimera.domain.measurement import Measurement
from chimera.domain.variants import Belief
from chimera.governance.tallying import known_of
from chimera.learning.choices import believed, shares_of
from chimera.ports.views import Views
from chimera.swarm.choosing import KNOWN_DAYS, tried_by

NOTHING_KNOWN = VariantFigures(
    factor="", variant="", posts=0, measured=0, engagements_per_post_millis=0, troubled=0, harmful=0
)


class VariantShown(Struct, frozen=True, kw_only=True):
    """One variant. `chosen` counts its posts, `waiting` those of them that are not measured yet, `measured` those that
    are. `share_bp` is how often it would be chosen now, of ten thousand; `barred` says why it may not be.
    """

    factor: str
    variant: str
    is_baseline: bool
    chosen: int
    waiting: int
    measured: int
    engagements_per_post_millis: int | None
    troubled: int
    harmful: int
    share_bp: int
    is_favoured: bool
    barred: str


class VariantsShown(Struct, frozen=True, kw_only=True):
    """Everything that is left open for an agent's posts, factor by factor. Empty where nothing is."""

    posts_per_day: int
    known_days: int
    items: tuple[VariantShown, ...]


class VariantRoutes:
    """`/v1/agents/{id}/variants`."""

    def __init__(self, *, views: Views) -> None:
        self._views = views

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/v1/agents/{agent_id}/variants", endpoint=self.show, name="variants",
                    needs=Needs("fleet.look"), answer=VariantsShown)  # fmt: skip

    async def show(self, agent_id: Id) -> VariantsShown:
        """The styles, media and times that an agent's posts are tried with, what each brought, which is favoured."""
        agent = await self._views.get(Agent, agent_id)
        tried = tried_by(agent)
        items = await self._items(agent) if tried else ()
        return VariantsShown(posts_per_day=agent.variants.posts_per_day, known_days=KNOWN_DAYS, items=items)

    async def _items(self, agent: Agent) -> tuple[VariantShown, ...]:
        since_us = await self._views.now_us() - KNOWN_DAYS * DAY_US
        known, harmful = await known_of(self._views, agent.id, since_us=since_us)
        owed = await self._views.list(Measurement, states=("owed",), scope=agent.id)
        beliefs = believed(tried_by(agent), known, harmful)
        told = {(one.factor, one.variant): one for one in by_variant([*known, *harmful])}
        waiting = Counter(pair for one in owed for pair in one.variants.items())
        shares = shares_of(beliefs)
        return tuple(
            _shown(one, told.get((one.factor, one.variant), NOTHING_KNOWN), waiting[one.factor, one.variant],
                   shares, beliefs) for one in beliefs
        )  # fmt: skip


def _shown(
    one: Belief, told: VariantFigures, waiting: int, shares: dict[tuple[str, str], int], beliefs: Sequence[Belief]
) -> VariantShown:
    rivals = [other.variant for other in beliefs if other.factor == one.factor]
    share_bp = shares.get((one.factor, one.variant), 0)
    most_bp = max(shares.get((one.factor, other), 0) for other in rivals)
    return VariantShown(
        factor=one.factor, variant=one.variant, is_baseline=rivals[0] == one.variant, chosen=told.posts + waiting,
        waiting=waiting, measured=told.measured, troubled=told.troubled, harmful=told.harmful, barred=one.barred,
        engagements_per_post_millis=told.engagements_per_post_millis if told.measured else None, share_bp=share_bp,
        # Of what nobody has measured none is favoured: all of them are tried alike.
        is_favoured=share_bp == most_bp > 0 and told.measured > 0 and len(rivals) > 1,
    )  # fmt: skip
