"""Which cap a budget window takes, and the caps that stand from the beginning. Pure."""

from __future__ import annotations

from chimera.domain import ids, quotas
from chimera.domain.budget import AGENT_CAPS_MICROS, FLEET_CAPS_MICROS, Cap
from chimera.domain.scopes import FLEET


def cap_id(limited: str, period: str) -> str:
    """The id of the one cap for a scope and a period."""
    return ids.derive(ids.ROOT, "cap", limited, period)


FLEET_CAPS: tuple[Cap, ...] = tuple(
    Cap(id=cap_id(FLEET, period), limited=FLEET, period=period, micros=micros)
    for period, micros in FLEET_CAPS_MICROS.items()
)


def key_of(window_id: str) -> str:
    """The key of the cap that a window takes: `fleet|day` of `fleet|day|2026-11-21`."""
    return window_id.rpartition("|")[0]


def standing_micros(key: str) -> int | None:
    """What a scope may spend for which nobody has set a cap, or None where somebody has to."""
    kind, colon, _ = key.partition(":")
    rest, _, period = key.rpartition("|")
    if not colon or not rest:
        return None
    if kind == "agent":
        return AGENT_CAPS_MICROS.get(period)
    if kind == "account":
        return quotas.published(key)
    return FLEET_CAPS_MICROS.get(period) if kind in ("campaign", "category", "recipient") else None
