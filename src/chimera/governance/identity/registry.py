"""Who the people are: added, given roles, disabled. Every change is somebody's, and an owner is always left."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import canonical, scopes
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import (
    PassState,
    Person,
    PersonCommand,
    PersonRole,
    PersonState,
    Principal,
    Session,
    Token,
    person_id,
)
from chimera.domain.record import Record, next_version
from chimera.domain.verbs import Resource
from chimera.governance.identity import totp
from chimera.governance.identity.permits import Permits
from chimera.ports.clock import Clock
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import Store

NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,59}")
PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX, PASSWORD_SIGNS_MIN = 12, 256, 5
PEOPLE = Resource(kind="people", id="people")


class Joining(Struct, frozen=True, kw_only=True):
    """What is said of somebody new."""

    name: str
    roles: tuple[str, ...]
    password: str = ""
    within: tuple[str, ...] = ()
    provider: str = ""


class Registry:
    """The people of this installation. Writes as the office."""

    def __init__(self, *, store: Store, clock: Clock, secrecy: Secrecy, permits: Permits) -> None:
        self._store = store
        self._clock = clock
        self._secrecy = secrecy
        self._permits = permits

    async def people(self, principal: Principal) -> tuple[Person, ...]:
        """Everybody who may or might log in."""
        self._permits.require(principal, "people.look", PEOPLE)
        return await self._store.list(Person)

    async def add_person(self, principal: Principal, joining: Joining) -> Person:
        """Somebody new. A name belongs to one person for ever."""
        self._permits.require(principal, "people.change", PEOPLE)
        _require_name(joining.name)
        _require_roles(joining.roles)
        within = tuple(scopes.parse(one) for one in joining.within)
        hashed = await self._hashed(joining.name, joining.password) if joining.password else ""
        person = Person(
            id=person_id(joining.name), name=joining.name, roles=tuple(sorted(set(joining.roles))),
            password_hash=hashed, within=within, provider=joining.provider, added_at_us=self._clock.now_us(),
            added_by=principal.name,
        )  # fmt: skip
        if await self._store.find(Person, person.id) is not None:
            raise Conflict("person_taken", f"{joining.name} is taken", where="name", remedy="choose another name")
        data = {"name": person.name, "roles": list(person.roles), "within": list(within), "by": principal.name}
        await self._write((person,), EventKind.PERSON_ADDED, person, data)
        return person

    async def set_roles(self, principal: Principal, name: str, roles: Sequence[str]) -> Person:
        """Other roles, effective with the next thing that this person does."""
        self._permits.require(principal, "people.change", PEOPLE)
        _require_roles(roles)
        person = await self._named(name)
        if PersonRole.OWNER not in roles:
            await self._require_other_owner(person)
        after = replace(next_version(person), roles=tuple(sorted(set(roles))))
        await self._changed(after, principal, what="roles", roles=after.roles)
        return after

    async def set_password(self, principal: Principal, name: str, password: str) -> Person:
        """Another password: one's own, or as an owner anybody's. Every open session of that person ends."""
        person = await self._named(name)
        if person.id != principal.person:
            self._permits.require(principal, "people.change", PEOPLE)
        after = replace(next_version(person), password_hash=await self._hashed(name, password))
        await self._changed(after, principal, what="password", beside=await self._sessions_closed(person))
        return after

    async def set_totp(self, principal: Principal, name: str) -> str:
        """A new secret for one-time codes, as the address that a telephone's app takes. Shown once."""
        person = await self._named(name)
        if person.id != principal.person:
            self._permits.require(principal, "people.change", PEOPLE)
        secret = canonical.sha256_hex(self._secrecy.fresh().encode())
        seed = bytes.fromhex(secret)[: totp.SECRET_BYTES]
        after = replace(next_version(person), totp_locked=self._secrecy.lock(seed), totp_step=0)
        await self._changed(after, principal, what="totp")
        return totp.address_of(seed, name=name)

    async def disable_person(self, principal: Principal, name: str) -> Person:
        """Nobody gets in as this person from now on: sessions and tokens end with the same commit."""
        self._permits.require(principal, "people.change", PEOPLE)
        person = await self._named(name)
        await self._require_other_owner(person)
        after = person.after(PersonCommand.DISABLE)
        tokens = await self._store.list(Token, scope=person.id, states=(PassState.OPEN,))
        beside = (*await self._sessions_closed(person), *(token.closed() for token in tokens))
        await self._changed(after, principal, what="disabled", beside=beside)
        return after

    async def enable_person(self, principal: Principal, name: str) -> Person:
        """Let somebody in again. Their password, roles and codes are as they were; what ended stays ended."""
        self._permits.require(principal, "people.change", PEOPLE)
        after = (await self._named(name)).after(PersonCommand.ENABLE)
        await self._changed(after, principal, what="enabled")
        return after

    async def _sessions_closed(self, person: Person) -> tuple[Record, ...]:
        return tuple(one.closed() for one in await self._store.list(Session, scope=person.id, states=(PassState.OPEN,)))

    async def _require_other_owner(self, person: Person) -> None:
        """A house without an owner could never be given one again."""
        people = await self._store.list(Person, states=(PersonState.ACTIVE,))
        owners = {one.id for one in people if PersonRole.OWNER in one.roles}
        if owners <= {person.id} and person.id in owners:
            raise Refused("last_owner", f"{person.name} is the last owner", where="people",
                          remedy="make somebody else an owner first")  # fmt: skip

    async def _named(self, name: str) -> Person:
        found = await self._store.find(Person, person_id(name))
        if found is None:
            raise Missing("person_unknown", f"there is nobody called {name[:60]!r}", where="name",
                          remedy="chimera people list names everybody")  # fmt: skip
        return found

    async def _hashed(self, name: str, password: str) -> str:
        canonical.require_text(password, where="password")
        if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
            says = f"a password has {PASSWORD_LENGTH_MIN} to {PASSWORD_LENGTH_MAX} characters"
            raise Invalid("password_length", says, where="password", remedy="choose one of 12 to 256 characters")
        if len(set(password)) < PASSWORD_SIGNS_MIN or name.casefold() in password.casefold():
            raise Invalid("password_weak", "the password repeats itself, or holds the name", where="password",
                          remedy="take four unrelated words")  # fmt: skip
        return await self._secrecy.hash_password(password)

    async def _changed(
        self, after: Person, principal: Principal, *, what: str, roles: Sequence[str] = (),
        beside: tuple[Record, ...] = (),
    ) -> None:  # fmt: skip
        data = {"name": after.name, "what": what, "roles": list(roles), "by": principal.name}
        await self._write((after, *beside), EventKind.PERSON_CHANGED, after, data)

    async def _write(self, records: tuple[Record, ...], kind: EventKind, person: Person, data: dict[str, Any]) -> None:
        event = Event(kind=kind, subject=person.id, at_us=self._clock.now_us(), data=data)
        await self._store.commit(Change(records=records, events=(event,)))


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Invalid(
            "person_name",
            "a name has 1 to 60 small letters, digits and . _ @ -",
            where="name",
            remedy="use small letters, digits and . _ @ -",
        )


def _require_roles(roles: Sequence[str]) -> None:
    unknown = sorted(set(roles) - set(PersonRole))
    if unknown or not roles:
        raise Invalid("role_unknown", f"{', '.join(unknown)[:100] or 'nothing'} is no role", where="roles",
                      remedy=f"use some of {', '.join(PersonRole)}")  # fmt: skip
