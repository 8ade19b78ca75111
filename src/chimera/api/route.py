"""A route: its path, what it answers and what it needs. One that says nothing about its needs cannot be built.

Every request passes the guard before anything of it is parsed.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chimera.domain.errors import ChimeraError
from chimera.domain.record import Record

JSON = "application/json"
_ENCODER = msgspec.json.Encoder()
Handler = Callable[[Request], Awaitable[Response]]


class Needs(Struct, frozen=True):
    """What one must be permitted to use a route: a verb of people's.

    `narrowed`: the route itself asks again about the very thing, so whoever's roles end somewhere may come this far.
    """

    verb: str
    narrowed: bool = False

    def __str__(self) -> str:
        return self.verb


class Recognised(Struct, frozen=True):
    """A route for whoever was recognised, and why."""

    why: str

    def __str__(self) -> str:
        return "recognised"


class Public(Struct, frozen=True):
    """A route for everybody, and why."""

    why: str

    def __str__(self) -> str:
        return "public"


class Route(Struct, frozen=True, kw_only=True):
    """One method at one path. `is_secret`: its answer is given once and never kept, for a secret stands in it."""

    method: str
    path: str
    endpoint: Callable[..., Awaitable[Any]]
    needs: Needs | Recognised | Public
    answer: Any = None
    status: int = 200
    name: str = ""
    media: str = JSON
    shows_data: bool = True
    is_secret: bool = False


class Doorkeeper(Protocol):
    """Whoever stands before every route."""

    async def admit(self, request: Request, route: Route) -> Response | None:
        """Nothing when the request may go on (and `request.state.principal` says who); raises when it may not."""
        ...

    async def done(self, request: Request, route: Route, response: Response) -> Response:
        """The response as it leaves."""
        ...

    async def failed(self, request: Request) -> None:
        """Nothing came of the request, and nothing was done."""
        ...


class GuardedRoute(APIRoute):
    """A route of FastAPI behind the guard."""

    def __init__(self, route: Route, guard: Doorkeeper) -> None:
        self.route = route
        self._guard = guard
        summary, _, description = (route.endpoint.__doc__ or "").partition("\n")
        super().__init__(
            route.path,
            _rendering(route),
            methods=[route.method],
            status_code=route.status,
            response_model=None,
            response_class=Response,
            summary=summary.strip(),
            description=description.strip() or summary.strip(),
            name=route.name or route.endpoint.__name__,
            operation_id=_operation_of(route),
            tags=[_tag_of(route)],
            openapi_extra={"x-needs": str(route.needs)},
        )

    def get_route_handler(self) -> Any:  # noqa: ANN401 – what FastAPI gives and takes.
        inner = cast("Handler", super().get_route_handler())
        route, guard = self.route, self._guard

        async def handle(request: Request) -> Response:
            answered = await guard.admit(request, route)
            try:
                response = answered if answered is not None else await inner(request)
            except (ChimeraError, RequestValidationError, HTTPException):
                # Any other error says nothing about what was done: under its key the request stays begun.
                await guard.failed(request)
                raise
            return await guard.done(request, route, response)

        return handle


def _rendering(route: Route) -> Callable[..., Awaitable[Response]]:
    """The endpoint, with its answer as a response."""

    @functools.wraps(route.endpoint)
    async def render(*arguments: Any, **named: Any) -> Response:
        found = await route.endpoint(*arguments, **named)
        return found if isinstance(found, Response) else rendered(found, status=route.status)

    return render


def rendered(found: Any, *, status: int = 200) -> Response:  # noqa: ANN401 – any struct.
    """A struct as a response; a record carries its version as its tag."""
    if found is None:
        return Response(status_code=204)
    body = _ENCODER.encode(found)
    headers = {"cache-control": "no-store"}
    version = _version_of(found)
    headers["etag"] = f'"{version}"' if version else f'W/"{hashlib.sha256(body).hexdigest()[:20]}"'
    return Response(body, status_code=status, media_type=JSON, headers=headers)


def is_record(answer: Any) -> bool:  # noqa: ANN401 – any type.
    """Whether an answer is a record as it is stored: the same version is the same bytes."""
    return isinstance(answer, type) and issubclass(answer, Record)


def _version_of(found: Any) -> int:  # noqa: ANN401 – any struct.
    version: object = getattr(found, "version", 0)
    return version if isinstance(version, int) else 0


def _operation_of(route: Route) -> str:
    """What clients call it: the part of the API, and what is done there (`reviews_approve`)."""
    part = re.sub(r"\W+", "_", _tag_of(route)).strip("_")
    return f"{part}_{route.name or route.endpoint.__name__}"


def _tag_of(route: Route) -> str:
    return route.path.removeprefix("/v1").strip("/").split("/")[0] or "console"
