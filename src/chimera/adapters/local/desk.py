"""The desk of one person's own machine: an owner's token in the home, one-time codes, sessions that end with us.

For whoever runs the fleet alone. It knows no other people.
"""

from __future__ import annotations

import hmac
import secrets

from msgspec import Struct

from chimera.domain.canonical import sha256_hex
from chimera.domain.errors import Refused
from chimera.domain.standing import permits
from chimera.ports.clock import Clock
from chimera.ports.identity import Entry, Principal

SESSION_SECONDS = 12 * 3600
CODE_SECONDS = 3600
SESSIONS_MAX = 10_000
SECRET_BYTES = 32
OWNER_ID = "00000000-0000-7000-8000-0000000000a1"


class _Kept(Struct):
    principal: Principal
    expires_at_us: int


class LocalDesk:
    """Knows the owner by the token in the home, and whoever was let in with a code or was given a role in a test."""

    def __init__(self, *, owner_token: str, clock: Clock, owner: str) -> None:
        self._owner_token = owner_token
        self._clock = clock
        self._owner = Principal(id=OWNER_ID, name=owner, role="owner")
        self._sessions: dict[str, _Kept] = {}
        self._codes: dict[str, int] = {}

    def one_time_code(self) -> str:
        """A code that opens one session, once, within the hour."""
        code = secrets.token_urlsafe(SECRET_BYTES)
        self._codes[sha256_hex(code.encode())] = self._clock.now_us() + CODE_SECONDS * 1_000_000
        return code

    def admit(self, principal: Principal) -> Entry:
        """A session for somebody who is known by other means."""
        self._forget_expired()
        secret = secrets.token_urlsafe(SECRET_BYTES)
        expires_at_us = self._clock.now_us() + SESSION_SECONDS * 1_000_000
        self._sessions[sha256_hex(secret.encode())] = _Kept(principal, expires_at_us)
        return Entry(principal=principal, secret=secret)

    async def log_in(self, name: str, password: str, *, code: str = "") -> Entry:
        """The owner's own session, by the token of the home."""
        if not hmac.compare_digest(password.encode(), self._owner_token.encode()):
            raise _wrong()
        return self.admit(self._owner)

    async def redeem(self, code: str) -> Entry:
        """The owner's own session, once per code."""
        expires_at_us = self._codes.pop(sha256_hex(code.encode()), 0)
        if expires_at_us <= self._clock.now_us():
            raise _wrong()
        return self.admit(self._owner)

    async def recognise(self, secret: str) -> Principal:
        """The person of a session, or the owner by the token itself."""
        if hmac.compare_digest(secret.encode(), self._owner_token.encode()):
            return self._owner
        kept = self._sessions.get(sha256_hex(secret.encode()))
        if kept is None or kept.expires_at_us <= self._clock.now_us():
            raise Refused(
                "session_unknown", "the session has ended, or never was", where="session", remedy="log in again"
            )
        return kept.principal

    async def log_out(self, secret: str) -> None:
        """The session is gone."""
        self._sessions.pop(sha256_hex(secret.encode()), None)

    def may(self, principal: Principal, verb: str, resource: str) -> bool:
        """By the matrix of roles."""
        return permits(principal.role, verb, resource)

    def _forget_expired(self) -> None:
        now_us = self._clock.now_us()
        if len(self._sessions) >= SESSIONS_MAX:
            self._sessions = {key: kept for key, kept in self._sessions.items() if kept.expires_at_us > now_us}
        if len(self._sessions) >= SESSIONS_MAX:
            raise Refused("sessions_too_many", f"{SESSIONS_MAX} sessions are open", remedy="log out somewhere")


def _wrong() -> Refused:
    return Refused("credentials_wrong", "this is not known here", where="session", remedy="check it and try again")
