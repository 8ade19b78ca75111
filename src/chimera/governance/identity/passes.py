"""One's own ways in: password, codes, sessions. Whoever changes them shows once more who they are; a token may not.

Writes as the office. An owner may end anybody's session, and nobody else may see or end another's.
"""

from __future__ import annotations

from chimera.domain.change import Change
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import EVERYTHING, PassState, Person, Principal, Session, person_id
from chimera.governance.identity.knocking import Knocking
from chimera.governance.identity.permits import Permits
from chimera.governance.identity.registry import PEOPLE, Registry
from chimera.ports.clock import Clock
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import Store


class Passes:
    """What everybody may do about themselves."""

    def __init__(self, *, store: Store, clock: Clock, secrecy: Secrecy, permits: Permits, registry: Registry) -> None:
        self._store = store
        self._clock = clock
        self._secrecy = secrecy
        self._permits = permits
        self._registry = registry
        self._knocking = Knocking(store=store)

    async def set_password(self, principal: Principal, *, current: str, new: str, address: str) -> Person:
        """Another password of one's own. Every session ends, this one too."""
        await self._require_oneself(principal, current, address)
        return await self._registry.set_password(principal, principal.name, new)

    async def set_totp(self, principal: Principal, *, current: str, address: str) -> str:
        """A new secret for one-time codes, as the address that a telephone's app takes. Shown once."""
        await self._require_oneself(principal, current, address)
        return await self._registry.set_totp(principal, principal.name)

    async def sessions(self, principal: Principal) -> tuple[Session, ...]:
        """One's own sessions that are still open."""
        now_us = self._clock.now_us()
        found = await self._store.list(Session, scope=principal.person, states=(PassState.OPEN,))
        return tuple(one for one in found if one.expires_at_us > now_us)

    async def end_session(self, principal: Principal, session_id: str) -> Session:
        """End a session: one's own, or as an owner anybody's. Effective with the commit."""
        session = await self._store.get(Session, session_id)
        if session.person_id != principal.person:
            self._permits.require(principal, "people.change", PEOPLE)
        closed = session.closed()
        event = Event(kind=EventKind.LOGGED_OUT, subject=session.person_id, at_us=self._clock.now_us(),
                      data={"session": session.id, "by": principal.name})  # fmt: skip
        await self._store.commit(Change(records=(closed,), events=(event,)))
        return closed

    async def _require_oneself(self, principal: Principal, current: str, address: str) -> None:
        """The password that there is, once more: a page that was left open is not the person who left it."""
        if EVERYTHING not in principal.scopes:
            raise Refused("token_too_narrow", "a narrowed token changes no password and no codes", where="session",
                          remedy="log in")  # fmt: skip
        person = await self._store.get(Person, person_id(principal.name))
        if not person.password_hash:
            return
        now_us = self._clock.now_us()
        await self._knocking.knock(name=person.name, address=address, now_us=now_us)
        if not await self._secrecy.password_matches(current, person.password_hash):
            refused = Event(kind=EventKind.LOGIN_REFUSED, subject=person.id, at_us=now_us,
                            data={"address": address[:60]})  # fmt: skip
            await self._store.commit(Change(events=(refused,)))
            raise Refused("password_wrong", "this is not the password in force", where="current", remedy="try again")
        forgiven = await self._knocking.forgive(name=person.name, now_us=now_us)
        seen = Event(kind=EventKind.LOGIN_TRIED, subject=person.id, at_us=now_us, data={"again": True})
        await self._store.commit(Change(records=(forgiven,), events=(seen,)))
