"""Dossiers of grants, read together: whoever asks while a read is under way is answered by the next one.

A dossier is never older than the question: a read begins after all that it answers have asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import asyncpg

from chimera.adapters.postgres.arrays import words
from chimera.domain import ids, refusals, rows
from chimera.domain.agent import Agent
from chimera.domain.dossier import Dossier
from chimera.domain.grant import Batch, Grant, Seal
from chimera.domain.kinds import NAMES
from chimera.domain.record import Record

R = TypeVar("R", bound=Record)
Fetch: TypeAlias = Callable[[str], Awaitable[Sequence[asyncpg.Record]]]

TOGETHER_MAX = 256


class Asked:
    """One question on its way, and who waits for the answer."""

    __slots__ = ("answer", "grant_id")

    def __init__(self, grant_id: str) -> None:
        self.grant_id = grant_id
        self.answer: asyncio.Future[Dossier] = asyncio.get_running_loop().create_future()

    def settle(self, found: Dossier | Exception) -> None:
        """Answer, unless whoever asked has given up."""
        if self.answer.done():
            return
        if isinstance(found, Exception):
            self.answer.set_exception(found)
        else:
            self.answer.set_result(found)


class Dossiers:
    """One read at a time, for all who wait. `fetch` takes an array literal of ids."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._waiting: list[Asked] = []
        self._reading: asyncio.Task[None] | None = None

    async def read(self, grant_id: str) -> Dossier:
        """The dossier of one grant as it stands after the question."""
        if not ids.is_id(grant_id):
            raise refusals.unknown(NAMES[Grant], grant_id)
        asked = Asked(grant_id)
        self._waiting.append(asked)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_all(), name="dossiers")
        return await asked.answer

    async def close(self) -> None:
        """Wait for the read that is under way."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read_all(self) -> None:
        together: Sequence[Asked] = ()
        try:
            while self._waiting:
                together, self._waiting = self._waiting[:TOGETHER_MAX], self._waiting[TOGETHER_MAX:]
                await self._read(together)
        finally:
            # A cancelled process: nobody may be left waiting for an answer that never comes.
            for asked in (*together, *self._waiting):
                asked.answer.cancel()
            self._waiting = []
            self._reading = None

    async def _read(self, together: Sequence[Asked]) -> None:
        try:
            found = await self._fetch(words([asked.grant_id for asked in together]))
            # One moment, one list: it is told with the first of them.
            halted = frozenset(found[0]["halted"]) if found else frozenset[str]()
            dossiers = {str(row["id"]): _dossier_of(row, halted) for row in found}
        except Exception as error:  # noqa: BLE001 – whatever it is, it is the answer of everybody who waits for it.
            for asked in together:
                asked.settle(error)
            return
        for asked in together:
            dossier = dossiers.get(asked.grant_id)
            asked.settle(dossier if dossier else refusals.unknown(NAMES[Grant], asked.grant_id))


def _dossier_of(row: asyncpg.Record, halted: frozenset[str]) -> Dossier:
    grant = rows.read(Grant, row["body"], version=row["version"], state=row["state"], due_us=row["due_us"])
    return Dossier(
        grant=grant,
        seal=_part_of(Seal, row, "seal"),
        batch=_part_of(Batch, row, "batch"),
        agent=_part_of(Agent, row, "agent"),
        halted=halted,
        now_us=row["now_us"],
    )


def _part_of(kind: type[R], row: asyncpg.Record, name: str) -> R | None:
    body = row[f"{name}_body"]
    if body is None:
        return None
    version, state, due_us = row[f"{name}_version"], row[f"{name}_state"], row[f"{name}_due_us"]
    return rows.read(kind, body, version=version, state=state, due_us=due_us)
