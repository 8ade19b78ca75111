"""A side door for whoever scores a rehearsal in a process of its own: records, happenings and truth, for a token.

It is no MCP tool, so that no agent can find it, and it is not there unless a token was set.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs

import msgspec

from chimera.rehearsal.happenings import Happening
from chimera.rehearsal.oversight import Happened, Records, Truth
from chimera.rehearsal.world import World

PREFIX = "/overseer/"
HAPPENINGS_MAX = 1_000

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Any, Receive, Send], Awaitable[None]]


class Overseer:
    """An ASGI application around another: answers what is asked of it, and passes everything else on."""

    def __init__(self, app: App, world: World, happened: list[Happening], *, token: str) -> None:
        self._app = app
        self._world = world
        self._happened = happened
        self._token = token

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not str(scope["path"]).startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        status, answer = self._answer(scope)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})

    def _answer(self, scope: Message) -> tuple[int, object]:
        if not self._is_known(dict(scope["headers"]).get(b"authorization", b"")):
            return 401, {"error": "the overseer's token is missing or wrong"}
        match str(scope["path"]).removeprefix(PREFIX):
            case "records":
                return 200, Records(deeds=self._world.network.records())
            case "happenings":
                return 200, self._since(_after(scope["query_string"]))
            case "truth":
                return 200, self._truth()
            case _:
                return 404, {"error": "ask for records, happenings or truth"}

    def _is_known(self, said: bytes) -> bool:
        return bool(self._token) and hmac.compare_digest(said, f"Bearer {self._token}".encode())

    def _since(self, after: int) -> Happened:
        happened = tuple(self._happened[after : after + HAPPENINGS_MAX])
        return Happened(happenings=happened, next=after + len(happened))

    def _truth(self) -> Truth:
        truth = self._world.truth
        return Truth(attacks=tuple(truth.attacks.values()), goals_met=truth.goals_met(self._world.network.records()))


def _after(query: bytes) -> int:
    said = parse_qs(query.decode("ascii", "replace")).get("after", ["0"])[0]
    return int(said) if said.isascii() and said.isdigit() and len(said) < 12 else 0
