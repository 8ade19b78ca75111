"""Which quota windows an act or a read takes one of, and when each opens again. Proposes; the database refuses."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from chimera.domain import quotas, scopes
from chimera.domain.decision import Question
from chimera.domain.durations import SECOND_US
from chimera.domain.errors import Invalid
from chimera.governance.treasury import TOTAL, Treasury, starts_of

_HOUR_FORMAT = "%Y-%m-%dT%HZ"


class Reader(Struct, frozen=True, kw_only=True):
    """Who reads a network, and as which of our accounts. An account that is not known has no windows."""

    platform: str
    account: str
    agent_id: str


def counted_in(question: Question, *, known: Collection[str], treasury: Treasury, at_us: int) -> tuple[str, ...]:
    """The windows of which an act takes one each. `known` are the keys for which people have set a quota."""
    units = quotas.units_of(question.action)
    if not units:
        return ()
    action, agent = question.action, scopes.agent(question.agent_id)
    scheduled = quotas.POSTS in units and question.posts_per_day_max is not None
    who = Reader(platform=action.platform, account=action.account, agent_id=question.agent_id)
    keys = (*((f"{agent}|{quotas.AGENT_PERIOD}",) if scheduled else ()), *_keys(who, units, known))
    return _windows(keys, treasury, at_us)


def read_in(reader: Reader, *, known: Collection[str], treasury: Treasury, at_us: int) -> tuple[str, ...]:
    """The windows of which a call that only reads takes one each."""
    return _windows(_keys(reader, (quotas.CALLS,), known), treasury, at_us)


def _windows(keys: Iterable[str], treasury: Treasury, at_us: int) -> tuple[str, ...]:
    return tuple(f"{key}|{_start_of(key, treasury, at_us)}" for key in dict.fromkeys(keys))


def _keys(who: Reader, units: tuple[str, ...], known: Collection[str]) -> Iterator[str]:
    """What the network and people limit, and nothing else: a window without a cap is refused."""
    account = (scopes.account(who.platform, who.account),) if who.account else ()
    for period in quotas.PUBLISHED.get(who.platform, ()):
        if quotas.unit_of(period) in units:
            yield from (f"{one}|{period}" for one in account)
    if known:
        wanted = [period for period in quotas.PERIODS if quotas.unit_of(period) in units]
        owners = (scopes.FLEET, scopes.agent(who.agent_id), *account, scopes.platform(who.platform))
        yield from (key for owner in owners for period in wanted if (key := f"{owner}|{period}") in known)


def _start_of(key: str, treasury: Treasury, at_us: int) -> str:
    """Hours are counted in UTC, where none is skipped or comes twice; days are those of the fleet's clocks."""
    if key.endswith(f"-{quotas.DAY}"):
        return treasury.day(at_us)
    return datetime.fromtimestamp(treasury.latest_us(at_us) // SECOND_US, UTC).strftime(_HOUR_FORMAT)


def spans_now(treasury: Treasury, at_us: int) -> tuple[str, ...]:
    """The spans of every window that is open: of money and of quotas."""
    hours = (f"{unit}-{quotas.HOUR}" for unit in quotas.UNITS)
    return (*spans_of(date.fromisoformat(treasury.day(at_us))),
            *(f"{period}|{_start_of(period, treasury, at_us)}" for period in hours))  # fmt: skip


def spans_of(day: date) -> tuple[str, ...]:
    """The spans of the windows of one civil day: of its money, its week's and month's, and what it counted."""
    spans = zip(("day", "week", "month"), starts_of(day), strict=True)
    counted = (f"{unit}-{quotas.DAY}|{day.isoformat()}" for unit in quotas.UNITS)
    return (*(f"{period}|{start}" for period, start in spans), f"{TOTAL}|{TOTAL}", *counted)


def spans_shown(day: str, treasury: Treasury, now_us: int) -> tuple[str, ...]:
    """What whoever looks at windows sees: those of a day that they name, or those that are open now."""
    if not day:
        return spans_now(treasury, now_us)
    try:
        return spans_of(date.fromisoformat(day))
    except ValueError as error:
        raise Invalid("day_malformed", f"{day[:20]!r} is not a day", where="day",
                      remedy="write it as 2026-11-21") from error  # fmt: skip


def opens_again_us(window_id: str, *, zone: tzinfo) -> int | None:
    """When the next window of the same quota begins; None for a window of money."""
    if not quotas.unit_in(window_id):
        return None
    start = window_id.rpartition("|")[2]
    if "T" in start:
        after = datetime.strptime(start, _HOUR_FORMAT).replace(tzinfo=UTC) + timedelta(hours=1)
    else:
        after = datetime.combine(date.fromisoformat(start) + timedelta(days=1), time(0), zone)
    return round(after.timestamp()) * SECOND_US


def in_words(window_id: str, *, zone: tzinfo) -> str:
    """Why an act waits: the window that is full, and when the next one opens."""
    opens_us = opens_again_us(window_id, zone=zone)
    assert opens_us is not None, "only quotas are waited for"
    opens = datetime.fromtimestamp(opens_us // SECOND_US, zone).isoformat(timespec="minutes")
    return f"no {quotas.unit_in(window_id)} are left in {window_id}; the next window opens at {opens}"
