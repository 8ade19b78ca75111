"""Logging in and out, and who one is. Asks the desk; keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chimera.api.guard import COOKIE, Who, address_of, csrf_of, everywhere
from chimera.api.route import Public, Recognised, Route, rendered
from chimera.domain.errors import Invalid
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET, VERBS, Resource
from chimera.governance.identity.desk import SESSION_SECONDS_MAX, TOKEN_MARK, IdentityDesk

Text = Annotated[str, Field(max_length=1_000)]


class LogIn(BaseModel):
    """A one-time code from the address that chimera printed; or a name with a password, and a code if one has codes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"once": "the code in the address"}]})

    once: Text = ""
    name: Text = ""
    password: Text = ""
    code: Text = ""


class Session(Struct, frozen=True, kw_only=True):
    """Who one is, and what one may do. `csrf` goes with every write, in the header X-CSRF-Token.

    `within` narrows what is permitted to agents and campaigns; empty means everywhere.
    """

    person: str
    name: str
    roles: tuple[str, ...]
    within: tuple[str, ...]
    csrf: str
    is_token: bool
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
        path, own = "/v1/session", Recognised("everybody may see and end their own session")
        yield Route(method="POST", path=path, endpoint=self.log_in, answer=Session, status=201,
                    needs=Public("whoever logs in is not logged in yet; paced by address and name"))  # fmt: skip
        yield Route(method="GET", path=path, endpoint=self.show, needs=own, answer=Session, shows_data=False)
        yield Route(method="DELETE", path=path, endpoint=self.log_out, needs=own, status=204)

    async def log_in(self, request: Request, given: LogIn) -> Response:
        """Log in. The session's secret goes into a cookie that no script can read."""
        if not given.once and not given.password:
            raise Invalid("credentials_not_given", "neither a code nor a password was sent", where="body")
        if given.once:
            _, secret = await self._desk.redeem(given.once, address_of(request))
        else:
            _, secret = await self._desk.log_in(given.name, given.password, given.code, address_of(request))
        response = rendered(self._shown(await self._desk.recognise(secret), secret), status=201)
        _set_cookie(response, request, secret)
        return response

    async def show(self, request: Request, who: Who) -> Session:
        """Who am I, and what may I do?"""
        return self._shown(who, request.state.secret)

    async def log_out(self, who: Who) -> Response:
        """End this session."""
        await self._desk.log_out(who)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        return response

    def _shown(self, who: Principal, secret: str) -> Session:
        return Session(
            person=who.person, name=who.name, roles=tuple(sorted(who.roles)), within=tuple(sorted(who.within)),
            csrf=csrf_of(secret), is_token=secret.startswith(f"{TOKEN_MARK}_"),
            permitted=tuple(verb for verb in VERBS if self._may(who, verb)), currency="USD", timezone=self._timezone,
        )  # fmt: skip

    def _may(self, who: Principal, verb: str) -> bool:
        """Whether somebody may do this somewhere; of tokens, with their own."""
        about = Resource(kind="token", person=who.person) if verb.startswith("token.") else FLEET
        return self._desk.may(everywhere(who), verb, about)


def _set_cookie(response: Response, request: Request, secret: str) -> None:
    response.set_cookie(COOKIE, secret, max_age=SESSION_SECONDS_MAX, path="/", httponly=True, samesite="strict",
                        secure=request.url.scheme == "https")  # fmt: skip
