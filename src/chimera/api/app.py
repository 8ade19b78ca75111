"""Puts the API together from its resources. Knows no rule of any of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from fastapi import FastAPI
from starlette.responses import Response

from chimera.api import openapi, problems
from chimera.api.route import Doorkeeper, GuardedRoute, Public, Route
from chimera.api.shell import Answered, App, Shell
from chimera.ports.clock import Clock

DOCUMENT = "/v1/openapi.json"


class Resource(Protocol):
    """Some routes that belong together."""

    def routes(self) -> Iterator[Route]: ...


class DocumentRoutes:
    """The API's description of itself."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def routes(self) -> Iterator[Route]:
        """What is served."""
        yield Route(method="GET", path=DOCUMENT, endpoint=self.show, media="application/json", shows_data=False,
                    needs=Public("how to ask is no secret"))  # fmt: skip

    async def show(self) -> Response:
        """This document."""
        return Response(openapi.encoded(self._app), media_type="application/json")


def build(resources: Iterable[Resource], *, guard: Doorkeeper, version: str) -> FastAPI:
    """The application. Resources that answer every path come last."""
    app = FastAPI(title=openapi.TITLE, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    problems.install(app)
    openapi.install(app, version)
    for resource in (DocumentRoutes(app), *resources):
        for route in resource.routes():
            app.router.routes.append(GuardedRoute(route, guard))
    return app


def served(app: FastAPI, *, hosts: Collection[str], clock: Clock, answered: Answered) -> App:
    """The application as a server takes it."""
    return Shell(app, hosts=hosts, clock=clock, answered=answered)
