"""Figures that people steer by, computed from what the day's chains say. Shows; sets nothing."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from chimera.api.fleet import autonomy_of
from chimera.api.pulse import Pulse
from chimera.api.route import Needs, Route
from chimera.ports.views import Views


class Kpi(Struct, frozen=True, kw_only=True):
    """One figure. `value` is a whole number in `unit`; nothing when there is nothing to compute it from."""

    name: str
    title: str
    unit: str
    value: int | None


class Kpis(Struct, frozen=True, kw_only=True):
    """The figures of today."""

    since_us: int
    is_whole: bool
    items: tuple[Kpi, ...]


class KpiRoutes:
    """`/v1/kpis`."""

    def __init__(self, *, views: Views, pulse: Pulse) -> None:
        self._views = views
        self._pulse = pulse

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path="/v1/kpis", endpoint=self.show, needs=Needs("fleet.look"), answer=Kpis)

    async def show(self) -> Kpis:
        """Today's figures."""
        today, ages = self._pulse.tally(), await self._views.ages()
        figures = (
            ("autonomy", "acts that nobody had to look at", "bp", autonomy_of(today)),
            ("published", "acts performed", "acts", today.published),
            ("failed", "acts that failed", "acts", today.failed),
            ("held", "acts held for a person", "acts", today.held),
            ("refused", "acts refused", "acts", today.refused),
            ("refused_inputs", "inputs refused", "inputs", today.refused_inputs),
            ("oldest_review", "the oldest review waits", "us", ages.oldest_review_us),
            ("oldest_ready", "the oldest ready task waits", "us", ages.oldest_ready_us),
        )
        items = tuple(Kpi(name=name, title=title, unit=unit, value=value) for name, title, unit, value in figures)
        return Kpis(since_us=today.since_us, is_whole=today.is_whole, items=items)
