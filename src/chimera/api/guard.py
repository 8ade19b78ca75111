"""Stands before every route: who asks, may they, is it their own browser, how often. Knows no resource's inside."""

from __future__ import annotations

import hmac
from typing import Annotated, Protocol

from fastapi import Depends, Request
from msgspec.structs import replace
from starlette.responses import Response

from chimera.api.limits import KNOCKING, READING, WRITING, Limits
from chimera.api.replies import Replies
from chimera.api.route import Needs, Public, Recognised, Route, is_record
from chimera.domain.canonical import sha256_hex
from chimera.domain.errors import Invalid, Refused
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET
from chimera.governance.identity.desk import IdentityDesk

COOKIE = "chimera_session"
CSRF_HEADER = "x-csrf-token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
SECRET_LENGTH_MAX = 4_000


class Looks(Protocol):
    """Whoever keeps a record of who looked at what."""

    def note(self, who: Principal, *, route: str, record: str, why: str) -> None: ...


def csrf_of(secret: str) -> str:
    """The word that a session's own page knows and no other page can read."""
    return sha256_hex(f"csrf {secret}".encode())[:32]


def everywhere(who: Principal) -> Principal:
    """Somebody without the narrowing of their roles: for whether they might do something at all."""
    return replace(who, within=frozenset())


class Guard:
    """Asks the desk. What it does not understand is refused."""

    def __init__(self, *, desk: IdentityDesk, limits: Limits, looks: Looks, replies: Replies) -> None:
        self._desk = desk
        self._limits = limits
        self._looks = looks
        self._replies = replies

    async def admit(self, request: Request, route: Route) -> Response | None:
        """Let the request through, answer it from before, or raise."""
        match route.needs:
            case Public():
                self._limits.take(f"address {address_of(request)}", READING if request.method in SAFE else KNOCKING)
                return None
            case Needs() as needs:
                who = await self._recognised(request)
                self._desk.require(everywhere(who) if needs.narrowed else who, needs.verb, FLEET)
                return await self._known(request, who)
            case Recognised():
                return await self._known(request, await self._recognised(request))

    async def done(self, request: Request, route: Route, response: Response) -> Response:
        """Note what was looked at, keep what has to be answered again, spare what is known already."""
        who: Principal | None = getattr(request.state, "principal", None)
        if who is not None and request.method in SAFE and route.shows_data and response.status_code == 200:
            self._looks.note(who, route=route.path, record=",".join(map(str, request.path_params.values())),
                             why=request.headers.get("chimera-why", ""))  # fmt: skip
        if who is not None and request.method not in SAFE:
            await self._replies.keep(request, route, response)
        if request.method in SAFE and response.status_code == 200 and _is_known(request, route, response):
            return Response(status_code=304, headers={"etag": response.headers["etag"]})
        return response

    async def failed(self, request: Request) -> None:
        """Nothing was done: whoever sends it again under the same key tries again."""
        await self._replies.forget(request)

    async def _known(self, request: Request, who: Principal) -> Response | None:
        """The answer from before, if this very write was answered before."""
        return await self._replies.known(request, who) if request.method not in SAFE else None

    async def _recognised(self, request: Request) -> Principal:
        secret, by_cookie = _secret_of(request)
        who = await self._desk.recognise(secret)
        if request.method not in SAFE and by_cookie:
            _require_own_page(request, secret)
        self._limits.take(f"principal {who.person}", READING if request.method in SAFE else WRITING)
        request.state.principal = who
        request.state.secret = secret
        return who


def _secret_of(request: Request) -> tuple[str, bool]:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and 0 < len(secret) <= SECRET_LENGTH_MAX:
        return secret.strip(), False
    secret = request.cookies.get(COOKIE, "")
    if not 0 < len(secret) <= SECRET_LENGTH_MAX:
        raise Refused("session_missing", "nobody is logged in", where="session", remedy="log in, or send a token")
    return secret, True


def _require_own_page(request: Request, secret: str) -> None:
    """A cookie travels with every request of a browser, whoever's page sends it; this word does not."""
    given = request.headers.get(CSRF_HEADER, "")
    origin = request.headers.get("origin", "")
    if not hmac.compare_digest(given.encode(), csrf_of(secret).encode()) or not _is_own(origin, request):
        raise Refused(
            "csrf_mismatch",
            "the request does not come from the console's own page",
            where=CSRF_HEADER,
            remedy="send the csrf word of GET /v1/session in this header",
        )


def _is_own(origin: str, request: Request) -> bool:
    return not origin or origin.partition("://")[2] == request.headers.get("host", "")


def _is_known(request: Request, route: Route, response: Response) -> bool:
    """A page that is put together from several records has a version to write from, but no tag to be spared by."""
    known, tag = request.headers.get("if-none-match", ""), response.headers.get("etag", "")
    return (tag.startswith("W/") or is_record(route.answer)) and tag in [one.strip() for one in known.split(",")]


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else "unknown"


def _principal(request: Request) -> Principal:
    who = request.state.principal
    assert isinstance(who, Principal), "the guard has let somebody in"
    return who


Who = Annotated[Principal, Depends(_principal)]


def expected_version(request: Request) -> int:
    """The version that a write was made from, from If-Match. Without one, a write is refused."""
    given = request.headers.get("if-match", "").strip()
    if not given:
        raise Invalid(
            "version_not_given",
            "a change says which version it was made from",
            where="If-Match",
            remedy="send the ETag of what you looked at",
        )
    digits = given.removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 19):
        raise Invalid("version_malformed", "this is no version", where="If-Match", remedy='send it as "3"')
    return int(digits)


Version = Annotated[int, Depends(expected_version)]
