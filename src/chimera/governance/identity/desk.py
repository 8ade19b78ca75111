"""Knows who somebody is: log-in, sessions, tokens. Stores hashes only; permits says who may do what."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Missing, Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import (
    EVERYTHING,
    PassState,
    Person,
    PersonState,
    Principal,
    Session,
    Token,
    person_id,
)
from chimera.domain.record import Record, next_version
from chimera.domain.verbs import VERBS, Resource
from chimera.governance.identity import totp
from chimera.governance.identity.knocking import Knocking
from chimera.governance.identity.passes import Passes
from chimera.governance.identity.permits import Permits
from chimera.governance.identity.registry import Joining, Registry
from chimera.ports.clock import Clock
from chimera.ports.ids import Ids
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import Store

SESSION_SECONDS_MAX, SESSION_IDLE_SECONDS_MAX, SESSION_SEEN_SECONDS = 12 * 3600, 1800, 300
TOKEN_SECONDS_MAX = 366 * 86_400
ENTRANCES_MAX, ENTRANCE_SECONDS_MAX = 100, 3600
TOKEN_NAME_LENGTH_MAX, PASSWORD_LENGTH_MAX, SECRET_LENGTH_MAX = 60, 256, 200
SESSION_MARK, TOKEN_MARK = "cs", "ct"


class IdentityDesk:
    """Whoever comes in passes here. Writes as the office."""

    def __init__(self, *, store: Store, clock: Clock, ids: Ids, secrecy: Secrecy, permits: Permits) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._secrecy = secrecy
        self._permits = permits
        self._knocking = Knocking(store=store)
        self._registry = Registry(store=store, clock=clock, secrecy=secrecy, permits=permits)
        self._passes = Passes(store=store, clock=clock, secrecy=secrecy, permits=permits, registry=self._registry)
        self._entrances: dict[str, tuple[str, int]] = {}

    def may(self, principal: Principal, verb: str, resource: Resource) -> bool:
        """Whether this person may do this to that, by the people pack."""
        return self._permits.may(principal, verb, resource)

    def require(self, principal: Principal, verb: str, resource: Resource) -> None:
        """Nothing, or `Refused` with the rule behind it."""
        self._permits.require(principal, verb, resource)

    @property
    def registry(self) -> Registry:
        """The people: passwords, codes, and the list."""
        return self._registry

    @property
    def passes(self) -> Passes:
        """What everybody may do about themselves."""
        return self._passes

    async def add_person(self, principal: Principal, joining: Joining) -> Person:
        """Somebody new."""
        return await self._registry.add_person(principal, joining)

    async def set_roles(self, principal: Principal, name: str, roles: Sequence[str]) -> Person:
        """Other roles, effective at once."""
        return await self._registry.set_roles(principal, name, roles)

    async def disable_person(self, principal: Principal, name: str) -> Person:
        """Nobody gets in as this person from now on."""
        return await self._registry.disable_person(principal, name)

    # ── coming in ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def log_in(self, name: str, password: str, code: str, address: str) -> tuple[Session, str]:
        """A session and its secret. Whatever is wrong, the answer is the same; the try was counted before."""
        now_us = self._clock.now_us()
        _require_sane(name, password)
        await self._knocking.knock(name=name, address=address, now_us=now_us)
        person = await self._store.find(Person, person_id(name))
        matches = await self._secrecy.password_matches(password, person.password_hash if person else "")
        step = self._step(person, code, now_us=now_us)
        if person is None or not matches or step is None or person.state is not PersonState.ACTIVE:
            await self._write((), EventKind.LOGIN_REFUSED, person_id(name), {"address": address[:60]})
            raise _wrong()
        forgiven = await self._knocking.forgive(name=name, now_us=now_us)
        records: tuple[Record, ...] = (forgiven,)
        if person.totp_locked:
            # The step rides with the session: of two who use one code at once, one is refused.
            records = (*records, replace(next_version(person), totp_step=step))
        return await self._open(person, address, records, by="password")

    async def vouched(self, provider: str, address: str) -> tuple[Session, str]:
        """A session for whom a provider vouches (`issuer subject`), as the OIDC adapter has verified."""
        found = await self._store.list(Person, scope=provider, states=("active",))
        if not provider or len(found) != 1 or found[0].provider != provider:
            await self._write((), EventKind.LOGIN_REFUSED, person_id(provider), {"address": address[:60]})
            raise Refused("login_unknown", "nobody here is known to that provider by this name", where="log-in",
                          remedy="an owner adds you with chimera people add --provider")  # fmt: skip
        return await self._open(found[0], address, (), by="provider")

    def entrance(self, principal: Principal) -> str:
        """A code that lets this person in once, within the hour, at this desk and no other."""
        now_us, code = self._clock.now_us(), self._secrecy.fresh()
        good = {key: kept for key, kept in self._entrances.items() if kept[1] > now_us}
        if len(good) >= ENTRANCES_MAX:
            raise Refused("login_busy", "too many one-time codes are out", where="log-in", remedy="try again later")
        self._entrances = {**good, _hashed(code): (principal.person, now_us + ENTRANCE_SECONDS_MAX * 1_000_000)}
        return code

    async def redeem(self, code: str, address: str) -> tuple[Session, str]:
        """A session for a code that `entrance` gave, once."""
        person_id, until_us = self._entrances.pop(_hashed(code), ("", 0))
        if until_us <= self._clock.now_us():
            raise Refused("login_refused", "this code is not known here, or was used up", where="log-in",
                          remedy="take a new one: chimera api prints it")  # fmt: skip
        return await self._open(await self._active(person_id), address, (), by="code")

    def _step(self, person: Person | None, code: str, *, now_us: int) -> int | None:
        """The step of a good code; 0 for somebody who needs none."""
        if person is None or not person.totp_locked:
            return 0
        secret = self._secrecy.unlock(person.totp_locked)
        return totp.step_of(secret, code, now_us=now_us, after_step=person.totp_step)

    async def _open(self, person: Person, address: str, records: tuple[Record, ...], *, by: str) -> tuple[Session, str]:
        now_us, secret = self._clock.now_us(), self._secrecy.fresh()
        session = Session(
            id=self._ids.new(), person_id=person.id, secret_hash=_hashed(secret), address=address[:60],
            opened_at_us=now_us, seen_at_us=now_us, expires_at_us=now_us + SESSION_SECONDS_MAX * 1_000_000,
        )  # fmt: skip
        try:
            await self._write((session, *records), EventKind.LOGGED_IN, person.id, {"session": session.id, "by": by})
        except Conflict as conflict:
            raise _wrong() from conflict
        return session, _shown(SESSION_MARK, session.id, secret)

    # ── being recognised ────────────────────────────────────────────────────────────────────────────────────────────

    async def recognise(self, secret: str, *, here: bool = False) -> Principal:
        """Whose cookie or token this is, with the roles of this moment. `here`: a command on this machine asks."""
        mark, identifier, rest = _parts(secret)
        if mark == SESSION_MARK:
            return await self._by_session(identifier, rest)
        return await self._by_token(identifier, rest, here=here)

    async def _by_session(self, identifier: str, rest: str) -> Principal:
        session = await self._store.find(Session, identifier)
        if not _matches(session, rest) or session is None:
            raise _unknown()
        now_us = self._clock.now_us()
        idle_us = now_us - session.seen_at_us
        over = now_us >= session.expires_at_us or idle_us > SESSION_IDLE_SECONDS_MAX * 1_000_000
        if over or session.state is not PassState.OPEN:
            raise Refused("session_over", "this session has ended", where="session", remedy="log in again")
        person = await self._active(session.person_id)
        if idle_us > SESSION_SEEN_SECONDS * 1_000_000:
            await self._seen(session, now_us)
        return _principal(person, frozenset({EVERYTHING}), session.id)

    async def _seen(self, session: Session, now_us: int) -> None:
        try:
            seen = replace(next_version(session), seen_at_us=now_us)
            await self._write((seen,), EventKind.SESSION_SEEN, session.person_id, {"session": session.id})
        except Conflict:
            # Another request of the same person was a moment earlier, or has logged out: the next one will see.
            return

    async def _by_token(self, identifier: str, rest: str, *, here: bool) -> Principal:
        token = await self._store.find(Token, identifier)
        if not _matches(token, rest) or token is None or (token.is_local and not here):
            raise _unknown()
        if token.state is not PassState.OPEN or self._clock.now_us() >= token.expires_at_us:
            raise Refused("token_over", "this token was revoked or has expired", where="token", remedy="issue another")
        return _principal(await self._active(token.person_id), frozenset(token.scopes), token.id)

    async def _active(self, identifier: str) -> Person:
        person = await self._store.find(Person, identifier)
        if person is None or person.state is not PersonState.ACTIVE:
            raise Refused("person_disabled", "this person may not come in", where="people", remedy="ask an owner")
        return person

    async def log_out(self, principal: Principal) -> None:
        """End the session in which this principal was recognised."""
        session = await self._store.find(Session, principal.session)
        if session is None or session.state is not PassState.OPEN:
            raise Missing(
                "session_not_open",
                "there is no session to end",
                where="session",
                remedy="nothing to do: it has ended already",
            )
        await self._write((session.closed(),), EventKind.LOGGED_OUT, principal.person, {"session": session.id})

    # ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def issue_token(
        self, principal: Principal, name: str, scopes: Sequence[str], expires_at_us: int
    ) -> tuple[Token, str]:
        """A token of one's own, for at most a year, that can do no more than whoever issues it."""
        self.require(principal, "token.issue", Resource(kind="token", person=principal.person))
        now_us = self._clock.now_us()
        _require_token(name, scopes, expires_at_us - now_us)
        if EVERYTHING not in principal.scopes and not principal.scopes.issuperset(scopes):
            raise Refused(
                "token_wider",
                "a token cannot issue one that can do more",
                where="scopes",
                remedy="issue it from a log-in",
            )
        return await self._issue(principal.person, name, tuple(sorted(set(scopes))), expires_at_us, is_local=False)

    async def _issue(
        self, person: str, name: str, scopes: tuple[str, ...], expires_at_us: int, *, is_local: bool
    ) -> tuple[Token, str]:
        secret = self._secrecy.fresh()
        token = Token(
            id=self._ids.new(), person_id=person, name=name, secret_hash=_hashed(secret), scopes=scopes,
            issued_at_us=self._clock.now_us(), expires_at_us=expires_at_us, is_local=is_local,
        )  # fmt: skip
        data = {"token": token.id, "name": name, "scopes": list(scopes), "local": is_local}
        await self._write((token,), EventKind.TOKEN_ISSUED, person, data)
        return token, _shown(TOKEN_MARK, token.id, secret)

    async def revoke_token(self, principal: Principal, token_id: str) -> Token:
        """Revoke a token: one's own, or as an owner anybody's. Effective with the commit."""
        token = await self._store.get(Token, token_id)
        self.require(principal, "token.revoke", Resource(kind="token", id=token.id, person=token.person_id))
        closed = token.closed()
        data = {"token": token.id, "by": principal.name}
        await self._write((closed,), EventKind.TOKEN_REVOKED, token.person_id, data)
        return closed

    async def tokens(self, principal: Principal) -> tuple[Token, ...]:
        """One's own tokens, open and closed."""
        return await self._store.list(Token, scope=principal.person)

    async def local_owner(self, name: str) -> tuple[Principal, str] | None:
        """The first owner of a house without people: no password, a token for commands here. None if there are people.

        Whoever can read the home can read the database's own files as well; the token says no more than that.
        """
        if await self._store.list(Person, limit=1):
            return None
        now_us = self._clock.now_us()
        person = Person(id=person_id(name), name=name, roles=("owner",), added_at_us=now_us, added_by="this machine")
        data = {"name": name, "roles": ["owner"], "by": "this machine"}
        await self._write((person,), EventKind.PERSON_ADDED, person.id, data)
        expires = now_us + 10 * TOKEN_SECONDS_MAX * 1_000_000
        token, secret = await self._issue(person.id, "this machine", (EVERYTHING,), expires, is_local=True)
        return _principal(person, frozenset({EVERYTHING}), token.id), secret

    async def _write(self, records: tuple[Record, ...], kind: EventKind, subject: str, data: dict[str, Any]) -> None:
        event = Event(kind=kind, subject=subject, at_us=self._clock.now_us(), data=data)
        await self._store.commit(Change(records=records, events=(event,)))


def _principal(person: Person, scopes: frozenset[str], session: str) -> Principal:
    return Principal(person=person.id, name=person.name, roles=frozenset(person.roles), scopes=scopes,
                     session=session, within=frozenset(person.within))  # fmt: skip


def _hashed(secret: str) -> str:
    # A secret of 256 random bits needs no slow hash.
    return hashlib.sha256(secret.encode()).hexdigest()


def _matches(found: Session | Token | None, secret: str) -> bool:
    return hmac.compare_digest(found.secret_hash if found else "0" * 64, _hashed(secret)) and found is not None


def _shown(mark: str, identifier: str, secret: str) -> str:
    return f"{mark}_{identifier.replace('-', '')}_{secret}"


def _parts(secret: str) -> tuple[str, str, str]:
    mark, _, rest = secret.partition("_")
    number, _, secret_part = rest.partition("_")
    hexadecimal = len(number) == 32 and all(sign in "0123456789abcdef" for sign in number)
    if mark not in (SESSION_MARK, TOKEN_MARK) or not hexadecimal or len(secret) > SECRET_LENGTH_MAX:
        raise _unknown()
    dashed = "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))
    return mark, dashed, secret_part


def _unknown() -> Refused:
    return Refused("not_recognised", "this is no session or token of ours", where="credentials", remedy="log in")


def _wrong() -> Refused:
    return Refused("login_refused", "name, password or code is wrong", where="log-in",
                   remedy="try again; whoever has one-time codes gives one: --code")  # fmt: skip


def _require_sane(name: str, password: str) -> None:
    canonical.require_text(name, where="name")
    canonical.require_text(password, where="password")
    if len(name) > TOKEN_NAME_LENGTH_MAX or len(password) > PASSWORD_LENGTH_MAX:
        raise _wrong()


def _require_token(name: str, scopes: Sequence[str], lasts_us: int) -> None:
    canonical.require_text(name, where="name")
    if not name.strip() or len(name) > TOKEN_NAME_LENGTH_MAX:
        raise Invalid(
            "token_name",
            f"a token's name has 1 to {TOKEN_NAME_LENGTH_MAX} characters",
            where="name",
            remedy="choose a name of 1 to 60 characters",
        )
    unknown = [scope for scope in scopes if scope != EVERYTHING and scope not in VERBS]
    if unknown or not scopes:
        raise Invalid("token_scope", f"{', '.join(unknown)[:100] or 'nothing'} is no scope", where="scopes",
                      remedy="use verbs of docs/reference/people.md")  # fmt: skip
    if not 0 < lasts_us <= TOKEN_SECONDS_MAX * 1_000_000:
        raise Invalid(
            "token_expiry",
            "a token lasts more than nothing and at most 366 days",
            where="expires",
            remedy="choose fewer days",
        )
