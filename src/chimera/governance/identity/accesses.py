"""Outside programs that ask to call as an agent: a person admits them, for a time and within scopes. OAuth's rules.

Writes as the office. Nobody who asks is ever asked to admit himself; a token is known by its hash alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from chimera.domain import ids
from chimera.domain.access import (
    ACCESS_SECONDS_MAX,
    ASK_SECONDS,
    ASKED_AT_ONCE_MAX,
    CODE_SECONDS,
    PROGRAM_NAME_MAX,
    RENEWABLE_SECONDS,
    SCOPES,
    TOKEN_SECONDS,
    Access,
    AccessCommand,
    AccessState,
)
from chimera.domain.agent import Agent, AgentState
from chimera.domain.change import Change
from chimera.domain.errors import Conflict, Invalid, Missing, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.ports.ids import Ids
from chimera.ports.secrecy import Secrecy
from chimera.ports.store import LIST_MAX, Store

VERB = "agent.change"
TOKEN, RENEWAL, CODE, WATCH = "cha_", "chr_", "chc_", "chw_"
SECRET_LENGTH_MAX = 256
LIVE = (AccessState.ADMITTED, AccessState.CODED, AccessState.OPEN)
_US = 1_000_000


class Asking(Struct, frozen=True, kw_only=True):
    """What a program asks with. `client` is its registration, as it is to be found again."""

    client_id: str
    client: bytes
    program: str
    redirect: str
    challenge: str
    scopes: tuple[str, ...]
    told_back: str = ""
    redirect_was_given: bool = True


class Given(Struct, frozen=True, kw_only=True):
    """Fresh tokens, shown once."""

    access: Access
    token: str
    renewal: str


class Accesses:
    """Who was admitted is a record: a revocation is effective with its commit."""

    def __init__(self, *, store: Store, ids_from: Ids, secrecy: Secrecy, permits: Permits) -> None:
        self._store = store
        self._ids = ids_from
        self._secrecy = secrecy
        self._permits = permits

    # ── the program ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def ask(self, asking: Asking) -> tuple[Access, str]:
        """Put the question before people. The secret lets the asking browser, and it alone, hear the answer."""
        now_us = await self._store.now_us()
        waiting = await self.asked()
        if len(waiting) >= ASKED_AT_ONCE_MAX:
            raise Unavailable("access_asked_too_often", f"{len(waiting)} programs wait for an answer already",
                              where="authorize", remedy="answer or refuse them, or wait ten minutes")  # fmt: skip
        identifier = self._ids.new()
        watch = self._secret(WATCH, identifier)
        made = Access(
            id=identifier, client_id=ids.parse(asking.client_id, where="client_id"),
            client=self._secrecy.lock(asking.client), program=_plain(asking.program), redirect=asking.redirect,
            challenge=asking.challenge, scopes=_known(asking.scopes), told_back=asking.told_back,
            redirect_was_given=asking.redirect_was_given, watch_hash=_hashed(watch),
            ends_at_us=now_us + ASK_SECONDS * _US,
        )  # fmt: skip
        await self._write(made, EventKind.ACCESS_ASKED, now_us)
        return made, watch

    async def watched(self, watch: str) -> Access:
        """What has become of a question, for the browser that asked."""
        found = await self._of(WATCH, watch)
        if found is None or not _same(found.watch_hash, watch):
            raise Missing("access_unknown", "nobody asked this", where="consent", remedy="ask again")
        return found

    async def code(self, access: Access) -> str:
        """The code for a program that was admitted; made once, good for a minute."""
        now_us = await self._store.now_us()
        secret = self._secret(CODE, access.id)
        made = replace(
            access.after(AccessCommand.CODE), code_hash=_hashed(secret), ends_at_us=now_us + CODE_SECONDS * _US
        )
        await self._write(made, EventKind.ACCESS_CODED, now_us)
        return secret

    async def by_code(self, secret: str) -> Access | None:
        """The access whose code this is. A code that comes a second time was stolen: everything it gave is closed."""
        found = await self._of(CODE, secret)
        if found is None or not _same(found.code_hash, secret):
            return None
        if found.state is AccessState.OPEN:
            await self._close(found, why="its code came twice")
            return None
        return found if found.state is AccessState.CODED and await self._lasts(found) else None

    async def exchange(self, access: Access) -> Given:
        """The first tokens, for the code."""
        now_us = await self._store.now_us()
        opened = replace(access.after(AccessCommand.EXCHANGE), ends_at_us=now_us + RENEWABLE_SECONDS * _US)
        return await self._given(opened, EventKind.ACCESS_OPENED, now_us)

    async def by_renewal(self, secret: str) -> Access | None:
        """The access whose refresh token this is. One that was spent before closes everything: somebody copied it."""
        found = await self._of(RENEWAL, secret)
        if found is None or found.state is not AccessState.OPEN or not await self._lasts(found):
            return None
        if _same(found.spent_renewal_hash, secret):
            await self._close(found, why="a spent refresh token came again")
            return None
        return found if _same(found.renewal_hash, secret) else None

    async def renew(self, access: Access, scopes: Sequence[str]) -> Given:
        """Fresh tokens in the old ones' place, with the same scopes or fewer, until ninety days are over."""
        now_us = await self._store.now_us()
        last_us = ids.at_us(access.id) + ACCESS_SECONDS_MAX * _US
        renewed = replace(
            access.after(AccessCommand.RENEW), scopes=tuple(one for one in access.scopes if one in scopes),
            spent_renewal_hash=access.renewal_hash, ends_at_us=min(last_us, now_us + RENEWABLE_SECONDS * _US),
        )  # fmt: skip
        return await self._given(renewed, EventKind.ACCESS_RENEWED, now_us)

    async def by_token(self, secret: str) -> Access | None:
        """The access whose token this is, as it stands now: of an agent that is active."""
        found = await self._of(TOKEN, secret)
        if found is None or found.state is not AccessState.OPEN or not _same(found.token_hash, secret):
            return None
        now_us = await self._store.now_us()
        agent = await self._store.find(Agent, found.agent_id)
        alive = agent is not None and agent.state is AgentState.ACTIVE
        return found if alive and now_us < min(found.token_ends_at_us, found.ends_at_us) else None

    async def hand_back(self, access: Access) -> None:
        """The program gives its tokens back."""
        if access.state in LIVE:
            await self._close(access, why="the program gave it back")

    async def registration(self, client_id: str) -> bytes | None:
        """What a client registered whom a person has admitted before."""
        found = await self._store.list(Access, scope=ids.parse(client_id, where="client_id"), limit=LIST_MAX)
        kept = [one for one in found if one.state is not AccessState.REFUSED]
        return self._secrecy.unlock(kept[-1].client) if kept else None

    # ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def asked(self) -> tuple[Access, ...]:
        """What waits for a person now."""
        return await self._lasting((AccessState.ASKED,), seconds_max=ASK_SECONDS)

    async def admitted(self) -> tuple[Access, ...]:
        """Whom people have let in, and who still is."""
        return await self._lasting(LIVE, seconds_max=ACCESS_SECONDS_MAX)

    async def admit(self, identifier: str, *, agent: Agent, scopes: Sequence[str], by: Principal) -> Access:
        """Let a program call as this agent, within what it asked for or less."""
        self._permits.require(by, VERB, Resource(kind="agent", id=agent.id))
        found = await self._store.get(Access, ids.parse(identifier))
        if agent.state is not AgentState.ACTIVE:
            raise Refused("agent_not_active", f"{agent.name} is {agent.state}", where=agent.id,
                          remedy="activate it first")  # fmt: skip
        if not await self._lasts(found):
            raise Refused("access_lapsed", "it was asked more than ten minutes ago", where=found.id,
                          remedy="let the program ask again")  # fmt: skip
        within = tuple(one for one in found.scopes if one in (_known(scopes) if scopes else found.scopes))
        if not within:
            raise Invalid("access_without_scope", "nothing is left of what it asked for", where="scope",
                          remedy=f"it asked for {', '.join(found.scopes)}")  # fmt: skip
        now_us = await self._store.now_us()
        made = replace(found.after(AccessCommand.ADMIT), agent_id=agent.id, by=by.name, scopes=within)
        await self._write(made, EventKind.ACCESS_ADMITTED, now_us, by=by.name)
        return made

    async def admit_seen(
        self, identifier: str, *, number: str, agent: Agent, scopes: Sequence[str], by: Principal
    ) -> Access:
        """Let a program in from elsewhere than this machine: whoever does so sees the browser that asked."""
        self._permits.require(by, VERB, Resource(kind="agent", id=agent.id))
        found = await self._store.get(Access, ids.parse(identifier))
        if not hmac.compare_digest(found.number, number):
            raise Refused("access_number_wrong", "the browser that asked shows another number", where="number",
                          remedy="refuse it, if it was not you who started this program")  # fmt: skip
        return await self.admit(identifier, agent=agent, scopes=scopes, by=by)

    async def refuse(self, identifier: str, *, by: Principal) -> Access:
        """Say no to a program that asks."""
        return await self._ended(identifier, AccessCommand.REFUSE, EventKind.ACCESS_REFUSED, by)

    async def revoke(self, identifier: str, *, by: Principal) -> Access:
        """Take back what was given: the program's next call is refused."""
        return await self._ended(identifier, AccessCommand.REVOKE, EventKind.ACCESS_REVOKED, by)

    async def _lasting(self, states: Sequence[AccessState], *, seconds_max: int) -> tuple[Access, ...]:
        """Those that are not over. However many have lapsed before, nothing that lasts is hidden behind them."""
        now_us = await self._store.now_us()
        found, after = list[Access](), ids.build(at_us=now_us - seconds_max * _US, entropy=0)
        while page := await self._store.list(Access, states=tuple(states), after=after):
            found += [one for one in page if now_us < one.ends_at_us]
            after = page[-1].id
        return tuple(found)

    # ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _ended(self, identifier: str, command: AccessCommand, kind: EventKind, by: Principal) -> Access:
        found = await self._store.get(Access, ids.parse(identifier))
        self._permits.require(by, VERB, Resource(kind="agent", id=found.agent_id or "agents"))
        made = found.after(command)
        await self._write(made, kind, await self._store.now_us(), by=by.name)
        return made

    async def _close(self, access: Access, *, why: str) -> None:
        closed = access.after(AccessCommand.REVOKE)
        try:
            await self._write(closed, EventKind.ACCESS_REVOKED, await self._store.now_us(), why=why)
        except Conflict:
            return  # Whoever changed it meanwhile was renewing or revoking: what came here counts for nothing.

    async def _given(self, access: Access, kind: EventKind, now_us: int) -> Given:
        token, renewal = self._secret(TOKEN, access.id), self._secret(RENEWAL, access.id)
        ends_us = min(now_us + TOKEN_SECONDS * _US, access.ends_at_us)
        made = replace(access, token_hash=_hashed(token), renewal_hash=_hashed(renewal), token_ends_at_us=ends_us,
                       client=access.client)  # fmt: skip
        await self._write(made, kind, now_us)
        return Given(access=made, token=token, renewal=renewal)

    async def _write(self, made: Access, kind: EventKind, now_us: int, *, by: str = "", why: str = "") -> None:
        told = {"program": made.program, "redirect": made.redirect, "agent": made.agent_id, "scopes": list(made.scopes)}
        told |= {name: text for name, text in (("by", by), ("why", why)) if text}
        event = Event(kind=kind, subject=made.id, at_us=now_us, data=told)
        await self._store.commit(Change(records=(made,), events=(event,)))

    async def _lasts(self, access: Access) -> bool:
        return await self._store.now_us() < access.ends_at_us

    async def _of(self, mark: str, secret: str) -> Access | None:
        """The access that a secret names. Its hash is compared by whoever asked."""
        identifier, _, rest = secret.removeprefix(mark).partition(".")
        if not secret.startswith(mark) or not rest or len(secret) > SECRET_LENGTH_MAX:
            return None
        try:
            return await self._store.find(Access, ids.parse(identifier))
        except Invalid:
            return None

    def _secret(self, mark: str, identifier: str) -> str:
        return f"{mark}{identifier}.{self._secrecy.fresh()}"


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _same(kept: str, secret: str) -> bool:
    return bool(kept) and hmac.compare_digest(kept, _hashed(secret))


def _known(scopes: Sequence[str]) -> tuple[str, ...]:
    unknown = [one for one in scopes if one not in SCOPES]
    if unknown or not scopes:
        raise Invalid("access_scope_unknown", f"{', '.join(unknown)[:80] or 'nothing'} is no scope of the door",
                      where="scope", remedy=f"choose among {', '.join(SCOPES)}")  # fmt: skip
    return tuple(dict.fromkeys(scopes))


def _plain(name: str) -> str:
    """A program's name for itself, as one line: nobody gets a second line onto a person's screen."""
    shown = "".join(letter if letter.isprintable() else " " for letter in name).strip()[:PROGRAM_NAME_MAX]
    return shown or "a program without a name"
