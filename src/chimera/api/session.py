"""Logging in and out, and who one is. Asks the desk; keeps nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from fastapi import Request
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chimera.api.guard import COOKIE, Who, address_of, csrf_of, everywhere
from chimera.api.route import Public, Recognised, Route, rendered
from chimera.domain.errors import ChimeraError, Invalid, Missing, Refused
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET, VERBS, Resource
from chimera.governance.identity.desk import SESSION_SECONDS_MAX, TOKEN_MARK, IdentityDesk
from chimera.ports.secrecy import Secrecy
from chimera.ports.vouching import Pending, Vouching

AWAY_COOKIE, AWAY_SECONDS = "chimera_away", 600
Text = Annotated[str, Field(max_length=1_000)]


class LogIn(BaseModel):
    """A one-time code from the address that chimera printed; or a name with a password, and a code if one has codes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"once": "the code in the address"}]})

    once: Text = ""
    name: Text = ""
    password: Text = ""
    code: Text = ""


class Back(BaseModel):
    """What the provider gave the browser to bring back."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "theirs", "state": "ours"}]})

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(max_length=4_000)] = ""
    error: Annotated[str, Field(pattern="^[a-z_]{0,60}$")] = ""


class Provider(Struct, frozen=True, kw_only=True):
    """Who else lets people in; no name, nobody."""

    name: str


class Leaving(Struct, frozen=True, kw_only=True):
    """Where the browser goes to log in."""

    address: str


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

    def __init__(self, *, desk: IdentityDesk, timezone: str, provider: Vouching | None, secrecy: Secrecy) -> None:
        self._desk = desk
        self._timezone = timezone
        self._provider = provider
        self._secrecy = secrecy

    def routes(self) -> Iterator[Route]:
        """What is served."""
        path, own = "/v1/session", Recognised("everybody may see and end their own session")
        yield Route(method="POST", path=path, endpoint=self.log_in, answer=Session, status=201,
                    needs=Public("whoever logs in is not logged in yet; paced by address and name"))  # fmt: skip
        entrance = Public("whoever logs in by a provider is not logged in yet")
        yield Route(method="GET", path=f"{path}/provider", endpoint=self.provider, answer=Provider, shows_data=False,
                    needs=entrance)  # fmt: skip
        yield Route(method="POST", path=f"{path}/provider", endpoint=self.leave, answer=Leaving, needs=entrance,
                    is_secret=True)  # fmt: skip
        yield Route(method="POST", path=f"{path}/provider/back", endpoint=self.come_back, answer=Session, status=201,
                    needs=entrance, is_secret=True)  # fmt: skip
        yield Route(method="GET", path=path, endpoint=self.show, needs=own, answer=Session, shows_data=False)
        yield Route(method="DELETE", path=path, endpoint=self.log_out, needs=own, status=204)

    async def log_in(self, request: Request, given: LogIn) -> Response:
        """Log in. The session's secret goes into a cookie that no script can read."""
        if not given.once and not given.password:
            raise Invalid(
                "credentials_not_given",
                "neither a code nor a password was sent",
                where="body",
                remedy="send one of them",
            )
        if given.once:
            _, secret = await self._desk.redeem(given.once, address_of(request))
        else:
            _, secret = await self._desk.log_in(given.name, given.password, given.code, address_of(request))
        return await self._let_in(request, secret)

    async def provider(self) -> Provider:
        """Who else lets people in: the provider that `oidc_issuer` names."""
        return Provider(name=self._provider.name if self._provider else "")

    async def leave(self, request: Request) -> Response:
        """Begin to log in at the provider. What only this browser may bring back is kept in its cookie, locked."""
        pending = await self._vouching().begin()
        response = rendered(Leaving(address=pending.address))
        locked = self._secrecy.lock(msgspec.json.encode(pending))
        _set_cookie(response, request, AWAY_COOKIE, locked, AWAY_SECONDS)
        return response

    async def come_back(self, request: Request, given: Back) -> Response:
        """Log in with what the provider gave. It says who it is; whether they may come in is on record here."""
        pending = self._pending(request.cookies.get(AWAY_COOKIE, ""))
        if given.error or not given.code:
            raise Refused("provider_refused", f"the provider did not let you in: {given.error or 'it gave no code'}",
                          where="log-in", remedy="begin again")  # fmt: skip
        vouched = await self._vouching().finish(pending, code=given.code, state=given.state)
        _, secret = await self._desk.vouched(vouched, address_of(request))
        response = await self._let_in(request, secret)
        response.delete_cookie(AWAY_COOKIE, path="/", httponly=True, samesite="strict")
        return response

    def _vouching(self) -> Vouching:
        if self._provider is None:
            raise Missing("provider_not_set", "nobody else lets people in here", where="oidc_issuer",
                          remedy="set oidc_issuer, or log in by name")  # fmt: skip
        return self._provider

    def _pending(self, locked: str) -> Pending:
        try:
            return msgspec.json.decode(self._secrecy.unlock(locked), type=Pending)
        except (ChimeraError, msgspec.MsgspecError) as error:
            raise Refused("login_not_begun", "this browser has begun no log-in at the provider", where="log-in",
                          remedy="begin again") from error  # fmt: skip

    async def _let_in(self, request: Request, secret: str) -> Response:
        response = rendered(self._shown(await self._desk.recognise(secret), secret), status=201)
        _set_cookie(response, request, COOKIE, secret, SESSION_SECONDS_MAX)
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


def _set_cookie(response: Response, request: Request, name: str, secret: str, seconds: int) -> None:
    response.set_cookie(name, secret, max_age=seconds, path="/", httponly=True, samesite="strict",
                        secure=request.url.scheme == "https")  # fmt: skip
