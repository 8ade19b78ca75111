"""One's own ways in over HTTP: password, one-time codes, open sessions. The desk decides; a secret is shown once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chimera.api.guard import COOKIE, Who, address_of
from chimera.api.paging import Page
from chimera.api.route import Recognised, Route
from chimera.api.words import Id
from chimera.domain.person import Session
from chimera.governance.identity.desk import IdentityDesk

Password = Annotated[str, Field(max_length=256)]


class PassShown(Struct, frozen=True, kw_only=True):
    """One open session. `current`: the one that asks."""

    id: str
    version: int
    state: str
    address: str
    opened_at_us: int
    seen_at_us: int
    expires_at_us: int
    current: bool


class Codes(Struct, frozen=True, kw_only=True):
    """What a telephone's app takes (`otpauth://…`). It is in this answer, and nowhere else."""

    address: str


class NewPassword(BaseModel):
    """The password in force, unless there is none, and the new one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"current": "", "new": "four odd words"}]}
    )

    current: Password = ""
    new: Annotated[str, Field(min_length=1, max_length=256)]


class NewCodes(BaseModel):
    """The password in force, unless there is none."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"current": "four odd words"}]})

    current: Password = ""


class PassRoutes:
    """`/v1/session/password`, `/v1/session/codes`, `/v1/sessions`."""

    def __init__(self, *, desk: IdentityDesk) -> None:
        self._desk = desk

    def routes(self) -> Iterator[Route]:
        """What is served."""
        own = Recognised("of one's own: the password in force is asked for once more; others' need people.change")
        yield Route(method="POST", path="/v1/session/password", endpoint=self.password, needs=own, status=204)
        yield Route(method="POST", path="/v1/session/codes", endpoint=self.codes, needs=own, answer=Codes,
                    is_secret=True)  # fmt: skip
        yield Route(method="GET", path="/v1/sessions", endpoint=self.list, needs=own, answer=Page[PassShown])
        yield Route(method="POST", path="/v1/sessions/{session_id}/end", endpoint=self.end, needs=own,
                    answer=PassShown)  # fmt: skip

    async def password(self, given: NewPassword, request: Request, who: Who) -> Response:
        """Another password. Every session ends, this one too: log in with it."""
        await self._desk.passes.set_password(who, current=given.current, new=given.new, address=address_of(request))
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    async def codes(self, given: NewCodes, request: Request, who: Who) -> Codes:
        """A new secret for one-time codes. From now on log-in asks for a code."""
        return Codes(address=await self._desk.passes.set_totp(who, current=given.current, address=address_of(request)))

    async def list(self, who: Who) -> Page[PassShown]:
        """One's own open sessions."""
        return Page(items=tuple(_shown(one, who.session) for one in await self._desk.passes.sessions(who)))

    async def end(self, session_id: Id, who: Who) -> PassShown:
        """End a session: one's own, or as an owner anybody's."""
        return _shown(await self._desk.passes.end_session(who, session_id), who.session)


def _shown(session: Session, current: str) -> PassShown:
    return PassShown(
        id=session.id, version=session.version, state=str(session.state), address=session.address,
        opened_at_us=session.opened_at_us, seen_at_us=session.seen_at_us, expires_at_us=session.expires_at_us,
        current=session.id == current,
    )  # fmt: skip
