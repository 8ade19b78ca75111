"""Caps, as people set them. Lowering one always succeeds and closes its window; raising one takes a person who may.

Writes as the office; the manager's database role cannot.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from chimera.domain import ids, quotas, scopes
from chimera.domain.agent import Agent
from chimera.domain.budget import Cap
from chimera.domain.caps import cap_id, standing_micros
from chimera.domain.change import Change
from chimera.domain.decision import Approver
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.money import AMOUNT_MICROS_MAX, format_micros, parse_price
from chimera.domain.record import next_version
from chimera.domain.spending import CATEGORIES
from chimera.governance.halts import meant
from chimera.governance.spending import names
from chimera.ports.store import Store, every

PERIODS = ("day", "week", "month", "total")
CAPPED = ("agent:", "campaign:", "category:", "recipient:")
# What is decided is held against these: what payments are for, and notes that cost something.
CATEGORIES_CAPPED = (*CATEGORIES, "notes")
RAISERS = ("operator", "owner")
TRIES = 4
_MOST = str(quotas.COUNT_MAX)


class Budgets:
    """Sets one cap at a time, on record, with who it was."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def set(self, limited: str, *, period: str, micros: int, by: Approver) -> Cap:
        """The cap as it stands now. To raise one is a critical action: only an operator or the owner may.

        Of a period that counts (`posts-day`), `micros` is how many. An agent may be called by its name.
        """
        limited = scopes.parse(limited)
        _require_capped(limited, period)
        limited = await self._meant(limited)
        _require_amount(micros, period)
        _require_meant(limited, micros)
        for _ in range(TRIES - 1):
            try:
                return await self._set(limited, period, micros, by)
            except Conflict:
                # Somebody else has just set it: whether this one raises it is asked anew.
                continue
        return await self._set(limited, period, micros, by)

    async def _meant(self, limited: str) -> str:
        """The scope by which windows are kept: a cap of what does not exist would be believed, and kept by nobody."""
        kind, _, name = limited.partition(":")
        if kind != "account":
            return await meant(self._store, limited, stop="a cap")
        async for agent in every(self._store, Agent):
            if any(scopes.account(one.platform, one.handle) == limited for one in agent.accounts):
                return limited
        raise Missing("scope_of_nothing", f"no agent has the account {name[:80]!r}, a cap would stop nothing",
                      where="scope", remedy="write account:NETWORK/HANDLE as in the agent's manifest")  # fmt: skip

    async def _set(self, limited: str, period: str, micros: int, by: Approver) -> Cap:
        known = await self._known(limited, period)
        before = known.micros if known else await self._standing(limited, period)
        if _is_raised(before, micros, period) and by.role not in RAISERS:
            raise Refused(
                "cap_raise_needs_person",
                f"{limited} a {period} has {_shown(before, period)}: raising it is for {' or '.join(RAISERS)}",
                where=limited, remedy="let one of them do it: chimera login",
            )  # fmt: skip
        cap = replace(next_version(known), micros=micros) if known else Cap(
            id=cap_id(limited, period), limited=limited, period=period, micros=micros)  # fmt: skip
        await self._store.commit(Change(records=(cap,), events=(await self._told(cap, before, by),)))
        return cap

    async def _standing(self, limited: str, period: str) -> int | None:
        """What holds where nobody has set anything: for the posts of an agent's day, its manifest."""
        kind, _, name = limited.partition(":")
        if kind == "agent" and period == quotas.AGENT_PERIOD:
            agent = await self._store.find(Agent, ids.parse(name, where="scope"))
            return agent.schedule.posts_per_day_max if agent else None
        return standing_micros(f"{limited}|{period}")

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


def _require_capped(limited: str, period: str) -> None:
    """A cap that nothing is held against would be believed, and kept by nobody."""
    if period not in (*PERIODS, *quotas.PERIODS):
        raise Invalid("period_unknown", f"{period[:20]!r} is not a period", where="period",
                      remedy=f"write one of {', '.join(PERIODS)}; hour or day for posts and calls")  # fmt: skip
    kind, _, name = limited.partition(":")
    if kind == "category" and name not in CATEGORIES_CAPPED and not quotas.unit_of(period):
        raise Invalid("cap_of_nothing", f"no money is counted for {limited[:60]}", where="scope",
                      remedy=f"cap one of the categories {', '.join(CATEGORIES_CAPPED)}")  # fmt: skip
    if limited == scopes.FLEET or limited.startswith(quotas.COUNTED if quotas.unit_of(period) else CAPPED):
        return
    if quotas.unit_of(period):
        raise Invalid("cap_of_nothing", f"no {quotas.unit_of(period)} are counted for {limited[:60]}", where="scope",
                      remedy="count those of fleet, an agent, an account or a platform")  # fmt: skip
    raise Invalid("cap_of_nothing", f"no money is counted for {limited[:60]}", where="scope",
                  remedy="cap fleet, an agent, a campaign, a category or a recipient; of a network its posts or "
                         "calls: 20 posts")  # fmt: skip


def _require_meant(limited: str, micros: int) -> None:
    """A recipient whom payments can go to: no cap for what nobody is called, none but zero for an impostor."""
    kind, _, name = limited.partition(":")
    if kind != "recipient":
        return
    names.require_recipient(name)
    if micros and names.mixes_scripts(name):
        raise Invalid("recipient_mixes_alphabets", f"the letters of {name[:60]!r} are of several alphabets",
                      where="scope", remedy="type the name by hand; against who calls itself so: 0")  # fmt: skip


def _require_amount(micros: int, period: str) -> None:
    most, what = (quotas.COUNT_MAX, "") if quotas.unit_of(period) else (AMOUNT_MICROS_MAX, " micros")
    if not 0 <= micros <= most:
        raise Invalid("amount_too_large", f"{micros}{what} are no cap", where="cap", remedy="write 12.50, or 20 posts")


def _is_raised(before: int | None, after: int, period: str) -> bool:
    """Where no money may be spent, any cap raises it; where no posts are counted, any quota lowers them."""
    if before is None:
        return not quotas.unit_of(period)
    return after > before


def _shown(micros: int | None, period: str) -> str:
    return "no cap" if micros is None else amount_in_words(micros, period)


def amount_in_words(amount: int, period: str) -> str:
    """`12.50 USD`, or `20 posts`: what a cap of this period allows."""
    unit = quotas.unit_of(period)
    return quotas.in_words(amount, unit) if unit else format_micros(amount)


def parse_cap(text: str, period: str) -> tuple[str, int]:
    """A cap as people write it, with its period: `12.50` a day, `20 posts` an hour. Zero closes."""
    number, _, unit = text.strip().partition(" ")
    if not unit:
        return period, parse_price(number, where="amount")
    plural = f"{unit.strip().removesuffix('s')}s"
    if plural not in quotas.UNITS or not (number.isascii() and number.isdigit()) or len(number) > len(_MOST):
        raise Invalid("amount_malformed", f"{text[:40]!r} is not an amount", where="amount",
                      remedy="write 12.50, 20 posts or 300 calls")  # fmt: skip
    return f"{plural}-{period}", int(number)
