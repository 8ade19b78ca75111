"""Which budget windows an amount falls into, and in which band it is. Proposes; the database refuses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from chimera.domain import budget, scopes
from chimera.domain.action import Action
from chimera.domain.money import MICROS

_UNDER_10 = 10 * MICROS
_TO_50 = 50 * MICROS
TOTAL = "total"
QUARTER_US = 15 * 60 * 1_000_000


class Treasury:
    """Knows the fleet's civil time zone, in which days, weeks and months begin."""

    def __init__(self, *, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._quarter = -1
        self._starts = ("", "", "")

    def windows_for(self, *, agent_id: str, campaign_id: str, at_us: int) -> tuple[str, ...]:
        """The windows that every cost of this agent in this campaign falls into."""
        # Civil days begin at quarters of an hour everywhere: within one, the windows are the same.
        quarter = at_us // QUARTER_US
        if quarter != self._quarter:
            self._quarter, self._starts = quarter, self._starts_at(at_us)
        day, week, month = self._starts
        return (
            budget.window_id(scopes.FLEET, "day", day),
            budget.window_id(scopes.FLEET, "week", week),
            budget.window_id(scopes.FLEET, "month", month),
            budget.window_id(scopes.agent(agent_id), "day", day),
            budget.window_id(scopes.campaign(campaign_id), TOTAL, TOTAL),
        )

    def _starts_at(self, at_us: int) -> tuple[str, str, str]:
        local = datetime.fromtimestamp(at_us // 1_000_000, self._zone)
        day = local.date()
        monday = day - timedelta(days=day.weekday())
        return day.isoformat(), monday.isoformat(), day.replace(day=1).isoformat()


def amount_band(action: Action) -> str:
    """The band that policy reads instead of the amount."""
    return band_of_micros(action.cost_micros)


def band_of_micros(micros: int) -> str:
    """The band of an amount."""
    if micros <= 0:
        return "none"
    if micros < _UNDER_10:
        return "under_10"
    return "to_50" if micros <= _TO_50 else "over_50"
