"""Logging in and out, and who one is. Asks the desk; keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chimera.api.guard import COOKIE, Who, csrf_of
from chimera.api.route import Needs, Public, Route, rendered
from chimera.domain.errors import Invalid
from chimera.domain.standing import RESOURCES, VERBS
from chimera.ports.identity import Entry, IdentityDesk, Principal

COOKIE_SECONDS = 12 * 3600
Text = Annotated[str, Field(max_length=1_000)]


class LogIn(BaseModel):
    """A one-time code from the address that chimera printed; or a name with a password (or the home's owner token)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"once": "the code in the address"}]})

    once: Text = ""
    name: Text = ""
    password: Text = ""
    code: Text = ""


class Session(Struct, frozen=True, kw_only=True):
    """Who one is, and what one may do. `csrf` goes with every write, in the header X-CSRF-Token."""

    id: str
    name: str
    role: str
    csrf: str
    is_token: bool
    expires_at_us: int
    permitted: tuple[str, ...]
    currency: str
    timezone: str


class SessionRoutes:
    """`/v1/session`."""

    def __init__(self, *, desk: IdentityDesk, timezone: str) -> None:
        self._desk = desk
        self._timezone = timezone

    def routes(self) -> Iterator[Route]:
        """What is served."""
        path = "/v1/session"
        yield Route(method="POST", path=path, endpoint=self.log_in, answer=Session, status=201,
                    needs=Public("whoever logs in is not logged in yet; paced by address"))  # fmt: skip
        yield Route(method="GET", path=path, endpoint=self.show, needs=Needs("read", "session"), answer=Session,
                    shows_data=False)  # fmt: skip
        yield Route(method="DELETE", path=path, endpoint=self.log_out, needs=Needs("write", "session"), status=204)

    async def log_in(self, request: Request, given: LogIn) -> Response:
        """Log in. The session's secret goes into a cookie that no script can read."""
        if not given.once and not given.password:
            raise Invalid("credentials_not_given", "neither a code nor a password was sent", where="body")
        if given.once:
            entry = await self._desk.redeem(given.once)
        else:
            entry = await self._desk.log_in(given.name, given.password, code=given.code)
        response = rendered(self._shown(entry.principal, entry.secret), status=201)
        _set_cookie(response, request, entry)
        return response

    async def show(self, request: Request, who: Who) -> Session:
        """Who am I, and what may I do?"""
        return self._shown(who, request.state.secret)

    async def log_out(self, request: Request) -> Response:
        """End this session."""
        await self._desk.log_out(request.state.secret)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    def _shown(self, who: Principal, secret: str) -> Session:
        permitted = [f"{verb}:{name}" for verb in VERBS for name in RESOURCES if self._desk.may(who, verb, name)]
        return Session(id=who.id, name=who.name, role=who.role, csrf=csrf_of(secret), is_token=who.is_token,
                       expires_at_us=who.expires_at_us, permitted=tuple(permitted), currency="USD",
                       timezone=self._timezone)  # fmt: skip


def _set_cookie(response: Response, request: Request, entry: Entry) -> None:
    response.set_cookie(COOKIE, entry.secret, max_age=COOKIE_SECONDS, path="/", httponly=True, samesite="strict",
                        secure=request.url.scheme == "https")  # fmt: skip
