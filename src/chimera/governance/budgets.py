"""Caps, as people set them. Lowering one always succeeds and closes its window; raising one takes a person who may.

Writes as the office; the manager's database role cannot.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chimera.domain import scopes
from chimera.domain.budget import Cap
from chimera.domain.caps import cap_id, standing_micros
from chimera.domain.change import Change
from chimera.domain.decision import Approver
from chimera.domain.errors import Invalid, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.money import AMOUNT_MICROS_MAX, format_micros
from chimera.domain.record import next_version
from chimera.ports.store import Store

PERIODS = ("day", "week", "month", "total")
CAPPED = ("agent:", "campaign:", "category:", "recipient:")
RAISERS = ("operator", "owner")


class Budgets:
    """Sets one cap at a time, on record, with who it was."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def set(self, limited: str, *, period: str, micros: int, by: Approver) -> Cap:
        """The cap as it stands now. To raise one is a critical action: only an operator or the owner may."""
        limited = scopes.parse(limited)
        _require_capped(limited)
        _require_period(period)
        if not 0 <= micros <= AMOUNT_MICROS_MAX:
            raise Invalid("amount_too_large", f"{micros} micros are no cap", where="cap", remedy="write 12.50")
        known = await self._known(limited, period)
        before = known.micros if known else standing_micros(f"{limited}|{period}")
        if (before is None or micros > before) and by.role not in RAISERS:
            raise Refused(
                "cap_raise_needs_person",
                f"{limited} a {period} has {_shown(before)}: raising it is for {' or '.join(RAISERS)}",
                where=limited, remedy="let one of them do it: chimera login",
            )  # fmt: skip
        cap = replace(next_version(known), micros=micros) if known else Cap(
            id=cap_id(limited, period), limited=limited, period=period, micros=micros)  # fmt: skip
        await self._store.commit(Change(records=(cap,), events=(await self._told(cap, before, by),)))
        return cap

    async def _known(self, limited: str, period: str) -> Cap | None:
        """Its id derives from scope and period, unless a package or a campaign brought it: then it has theirs."""
        found = await self._store.find(Cap, cap_id(limited, period))
        if found is not None:
            return found
        after = ""
        while page := await self._store.list(Cap, after=after):
            for cap in page:
                if (cap.limited, cap.period) == (limited, period):
                    return cap
            after = page[-1].id
        return None

    async def _told(self, cap: Cap, before: int | None, by: Approver) -> Event:
        data: dict[str, Any] = {"scope": cap.limited, "period": cap.period, "micros": cap.micros, "by": by.name,
                                "role": by.role, "before_micros": -1 if before is None else before}  # fmt: skip
        return Event(kind=EventKind.CAP_SET, subject=cap.id, at_us=await self._store.now_us(), data=data)


def _require_capped(limited: str) -> None:
    """A cap that nothing is held against would be believed, and kept by nobody."""
    if limited != scopes.FLEET and not limited.startswith(CAPPED):
        raise Invalid("cap_of_nothing", f"no money is counted for {limited[:60]}", where="scope",
                      remedy="cap fleet, an agent, a campaign, a category or a recipient; how often a persona posts is "
                             "posts_per_day_max in its manifest")  # fmt: skip


def _require_period(period: str) -> None:
    if period not in PERIODS:
        raise Invalid("period_unknown", f"{period[:20]!r} is not a period", where="period",
                      remedy=f"write one of {', '.join(PERIODS)}")  # fmt: skip


def _shown(micros: int | None) -> str:
    return "no cap" if micros is None else format_micros(micros)
