"""Recognises agents by short tokens of their own key, for named tasks. EdDSA only; a revoked key counts no more.

Writes, as the office, which key counts. Has no private key.
"""

from __future__ import annotations

from typing import Any, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace

from chimera.domain import canonical
from chimera.domain.agent import Agent, AgentState
from chimera.domain.badge import BADGE_SECONDS_MAX, AgentKey, AgentKeyCommand, AgentKeyState, Badge, agent_key_id
from chimera.domain.change import Change
from chimera.domain.errors import Refused
from chimera.domain.event import Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.verbs import Resource
from chimera.governance.identity.permits import Permits
from chimera.ports.clock import Clock
from chimera.ports.store import Store

ALGORITHM = "EdDSA"
ISSUER = "chimera"
TOKEN_LENGTH_MAX = 8_192
SKEW_SECONDS = 5
_CLAIMS = ("iss", "sub", "aud", "exp", "iat", "jti", "tasks")
_UNVERIFIED = {"verify_signature": False}


class KeyMaker(Protocol):
    """Whoever holds agents' private keys: the vault."""

    async def agent_key(self, agent_id: str, *, anew: bool) -> str:
        """The public half, in hex; of a new key if asked."""
        ...


class Badges:
    """Which key counts is a record: rotation and revocation are effective with their commit."""

    def __init__(self, *, store: Store, clock: Clock, permits: Permits) -> None:
        self._store = store
        self._clock = clock
        self._permits = permits

    async def issue_key(self, agent_id: str, *, by: Principal, maker: KeyMaker) -> AgentKey:
        """A key for an agent; whatever another key of it has signed counts no more."""
        self._permits.require(by, "agent.change", Resource(kind="agent", id=agent_id))
        await self._store.get(Agent, agent_id)
        now_us = self._clock.now_us()
        standing = await self._store.find(AgentKey, agent_key_id(agent_id))
        public = await maker.agent_key(agent_id, anew=standing is not None)
        if standing is None:
            key = AgentKey(id=agent_key_id(agent_id), agent_id=agent_id, public=public, set_at_us=now_us)
        else:
            key = replace(standing.after(AgentKeyCommand.ROTATE), public=public, set_at_us=now_us)
        await self._write(key, EventKind.AGENT_KEY_SET, by)
        return key

    async def revoke_key(self, agent_id: str, *, by: Principal) -> AgentKey:
        """Nothing that this agent's key has signed counts from now on."""
        self._permits.require(by, "agent.change", Resource(kind="agent", id=agent_id))
        standing = await self._store.get(AgentKey, agent_key_id(agent_id))
        revoked = standing.after(AgentKeyCommand.REVOKE)
        await self._write(revoked, EventKind.AGENT_KEY_REVOKED, by)
        return revoked

    async def recognise(self, token: str, *, audience: str, task: str = "") -> Badge:
        """Whose badge this is, for whom, for which task; or `Refused`, with the same words whatever is wrong."""
        claims = _claims_of(token)
        key = await self._store.find(AgentKey, agent_key_id(str(claims["sub"])))
        agent = await self._store.find(Agent, str(claims["sub"]))
        if key is None or key.state is not AgentKeyState.CURRENT:
            raise _refused("its key does not count")
        if agent is None or agent.state is not AgentState.ACTIVE:
            raise _refused("its agent is not active")
        return self._verified(token, key, audience=audience, task=task)

    def _verified(self, token: str, key: AgentKey, *, audience: str, task: str) -> Badge:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.public))
        try:
            # Times are compared with our own clock below: the library's is the machine's.
            claims: dict[str, Any] = jwt.decode(
                token, public, algorithms=[ALGORITHM], audience=audience, issuer=ISSUER,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise _refused(type(error).__name__) from error
        now = self._clock.now_us() // 1_000_000
        begins, ends = claims["iat"], claims["exp"]
        if not (isinstance(begins, int) and isinstance(ends, int)) or ends - begins > BADGE_SECONDS_MAX:
            raise _refused("it lasts too long")
        if not begins - SKEW_SECONDS <= now < ends:
            raise _refused("it is not valid now")
        tasks = tuple(str(one) for one in claims["tasks"])
        if task and task not in tasks:
            raise _refused("it is for other tasks")
        return Badge(agent=claims["sub"], tasks=tasks, audience=audience, expires_at_us=ends * 1_000_000,
                     identifier=str(claims["jti"]))  # fmt: skip

    async def _write(self, key: AgentKey, kind: EventKind, by: Principal) -> None:
        data = {"agent": key.agent_id, "key": canonical.sha256_hex(bytes.fromhex(key.public))[:16], "by": by.name}
        event = Event(kind=kind, subject=key.agent_id, at_us=self._clock.now_us(), data=data)
        await self._store.commit(Change(records=(key,), events=(event,)))


def _claims_of(token: str) -> dict[str, Any]:
    """What it says of itself, believed by nobody: only to know whose key to verify it with."""
    if len(token) > TOKEN_LENGTH_MAX:
        raise _refused("it is too long")
    try:
        if jwt.get_unverified_header(token).get("alg") != ALGORITHM:
            raise _refused("it is signed otherwise")
        claims: dict[str, Any] = jwt.decode(token, options=_UNVERIFIED)  # pyright: ignore[reportArgumentType] – a plain dict
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise _refused("it cannot be read") from error
    if not isinstance(claims.get("sub"), str) or not isinstance(claims.get("tasks"), list):
        raise _refused("it names no agent and tasks")
    return claims


def _refused(why: str) -> Refused:
    return Refused("badge_refused", f"this is no badge that counts here: {why}", where="badge", remedy="get a new one")
