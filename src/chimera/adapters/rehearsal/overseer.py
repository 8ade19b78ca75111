"""Asks a rehearsal that runs in a process of its own how it went. For whoever scores it, never for the fleet."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection, HTTPException
from typing import TypeVar

import msgspec

from chimera.domain.errors import Refused, Unavailable
from chimera.rehearsal.oversight import Happened, Records, Truth

CALL_SECONDS_MAX = 10.0
T = TypeVar("T")


class OverseerClient:
    """The side door of `python -m chimera.connectors.sandbox --port … --overseer-token-file …`."""

    def __init__(self, *, host: str, port: int, token: str) -> None:
        self._host = host
        self._port = port
        self._token = token

    async def records(self) -> Records:
        """The network's own records."""
        return await self._asked("records", Records)

    async def happenings(self, *, after: int = 0) -> Happened:
        """What happened beyond a position."""
        return await self._asked(f"happenings?after={after}", Happened)

    async def truth(self) -> Truth:
        """The attacks, and which of them got what they wanted."""
        return await self._asked("truth", Truth)

    async def _asked(self, question: str, kind: type[T]) -> T:
        try:
            status, body = await asyncio.to_thread(self._get, question)
        except (OSError, HTTPException) as error:
            raise Unavailable("overseer_unavailable", f"the rehearsal does not answer: {error}") from error
        if status != 200:
            raise Refused("overseer_refused", f"{status}: {body[:200].decode('utf-8', 'replace')}")
        return msgspec.json.decode(body, type=kind)

    def _get(self, question: str) -> tuple[int, bytes]:
        connection = HTTPConnection(self._host, self._port, timeout=CALL_SECONDS_MAX)
        try:
            connection.request("GET", f"/overseer/{question}", headers={"Authorization": f"Bearer {self._token}"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
