"""Counts tries to get in, before they are looked at: per name and per address, in the store. May not let anybody in."""

from __future__ import annotations

import hashlib
import ipaddress

from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Knocks
from chimera.domain.record import next_version
from chimera.ports.store import Store

NAME_TRIES_MAX, ADDRESS_TRIES_MAX = 5, 30
SPAN_SECONDS, LOCKED_SECONDS = 900, 900
# Whoever invents names fills so many rows and no more; two names in one row share their tries.
ROWS_MAX = 65_536
COLLISIONS_MAX = 40


class Knocking:
    """The doorman's tally."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def knock(self, *, name: str, address: str, now_us: int) -> None:
        """Count one try, or refuse it because there were too many. Tries at once are counted one by one."""
        for _ in range(COLLISIONS_MAX):
            tallies = (
                await self._tally("name", name, now_us=now_us),
                await self._tally("address", network_of(address), now_us=now_us),
            )
            until_us = max(tally.locked_until_us for tally in tallies)
            if until_us > now_us:
                raise Refused(
                    "login_locked",
                    "too many tries under this name or from this address",
                    where="log-in",
                    remedy=f"try again in {-(-(until_us - now_us) // 60_000_000)} minutes",
                )
            counted = tuple(
                _counted(tally, most=most, now_us=now_us)
                for tally, most in zip(tallies, (NAME_TRIES_MAX, ADDRESS_TRIES_MAX), strict=True)
            )
            try:
                await self._store.commit(Change(records=counted, events=(_tried(counted, now_us),)))
            except Conflict as conflict:
                if conflict.code != "record_stale":
                    raise
                continue
            return
        raise Refused("login_busy", "too many tries at once", where="log-in", remedy="try again in a moment")

    async def forgive(self, *, name: str, now_us: int) -> Knocks:
        """The tally of a name whose owner has got in, for the change that says so."""
        tally = await self._tally("name", name, now_us=now_us)
        return replace(tally, tries=0, since_us=now_us, locked_until_us=0)

    async def _tally(self, kind: str, text: str, *, now_us: int) -> Knocks:
        """The tally as it will be written next."""
        identifier = row_id(kind, text)
        standing = await self._store.find(Knocks, identifier)
        if standing is None:
            return Knocks(id=identifier, tries=0, since_us=now_us)
        if now_us - standing.since_us > SPAN_SECONDS * 1_000_000 and standing.locked_until_us <= now_us:
            standing = replace(standing, tries=0, since_us=now_us, locked_until_us=0)
        return next_version(standing)


def row_id(kind: str, text: str) -> str:
    """The row of a name or an address."""
    number = int.from_bytes(hashlib.sha256(text.casefold().encode()).digest()[:4], "big") % ROWS_MAX
    return ids.at_time(0, "knocks", kind, str(number))


def network_of(address: str) -> str:
    """An IPv6 host has 2⁶⁴ addresses of its own: its network counts."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _counted(tally: Knocks, *, most: int, now_us: int) -> Knocks:
    tries = tally.tries + 1
    locked = now_us + LOCKED_SECONDS * 1_000_000 if tries >= most else 0
    return replace(tally, tries=tries, locked_until_us=locked)


def _tried(counted: tuple[Knocks, ...], now_us: int) -> Event:
    tries = [tally.tries for tally in counted]
    return Event(kind=EventKind.LOGIN_TRIED, subject=counted[0].id, at_us=now_us, data={"tries": tries})
