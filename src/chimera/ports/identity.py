"""Who is asking, and may they? What the API needs from whoever knows people. Nothing here decides about actions."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct


class Principal(Struct, frozen=True, kw_only=True):
    """Somebody who was recognised: a person with a session, or a token that acts for one."""

    id: str
    name: str
    role: str
    scopes: tuple[str, ...] = ()
    is_token: bool = False
    expires_at_us: int = 0


class Entry(Struct, frozen=True, kw_only=True):
    """A session that was just opened. The secret is shown once and goes into a cookie."""

    principal: Principal
    secret: str


class IdentityDesk(Protocol):
    """Sessions, tokens and what they permit."""

    async def log_in(self, name: str, password: str, *, code: str = "") -> Entry:
        """A session for a person, or `Refused("credentials_wrong")`. `code` is a second factor."""
        ...

    async def redeem(self, code: str) -> Entry:
        """A session for a one-time code, or `Refused("credentials_wrong")`."""
        ...

    async def recognise(self, secret: str) -> Principal:
        """Whose secret this is, or `Refused("session_unknown")`."""
        ...

    async def log_out(self, secret: str) -> None:
        """End the session; what is not known is ended already."""
        ...

    def may(self, principal: Principal, verb: str, resource: str) -> bool:
        """Whether somebody may do this to that. What is not listed is denied."""
        ...
