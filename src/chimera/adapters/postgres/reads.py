"""Everything that can be read from the database. Changes nothing, and is not able to: its logins may only select."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias, TypeVar

import asyncpg

from chimera.adapters.postgres.arrays import words
from chimera.adapters.postgres.dossiers import Dossiers
from chimera.adapters.postgres.faults import DRIVER_ERRORS, Fault, fault_of
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.sql import query, query_of
from chimera.domain import ids, refusals, rows
from chimera.domain.agent import Agent
from chimera.domain.budget import Window
from chimera.domain.campaign import Campaign
from chimera.domain.dossier import Dossier
from chimera.domain.errors import Refused
from chimera.domain.event import Link
from chimera.domain.figures import ONE_BP
from chimera.domain.kinds import NAMES
from chimera.domain.record import Record
from chimera.domain.rows import BIGINT_MAX
from chimera.domain.task import Task
from chimera.ports.store import LIST_MAX, Changed, Head

R = TypeVar("R", bound=Record)
Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Rows: TypeAlias = list[asyncpg.Record]
Denied: TypeAlias = Callable[[str], Refused]
CLOSE_SECONDS_MAX = 3.0
_NOBODY = "00000000-0000-0000-0000-000000000000"


class PostgresReads:
    """The reads of `ports.store`. Repeats a read when the connection is lost, for a bounded time."""

    def __init__(self, pool: Pool, patience: Patience) -> None:
        self._pool = pool
        self._patience = patience
        self._dossiers = Dossiers(partial(self._fetch, "a grant", query("dossiers")))

    async def now_us(self) -> int:
        return (await self._fetch("the clock", query("now")))[0][0]

    async def undurable(self) -> tuple[str, ...]:
        """The server's settings by which it would lose in a crash what it said that it has; none, as it should be."""
        return tuple([row["name"] for row in await self._fetch("the server's settings", query("undurable"))])

    async def find(self, kind: type[R], identifier: str) -> R | None:
        found = await self._fetch(NAMES[kind], query_of("find", NAMES[kind]), identifier)
        return record_of(kind, found[0]) if found else None

    async def get(self, kind: type[R], identifier: str) -> R:
        record = await self.find(kind, identifier)
        if record is None:
            raise refusals.unknown(NAMES[kind], identifier)
        return record

    async def get_many(self, kind: type[R], identifiers: Sequence[str]) -> tuple[R, ...]:
        for malformed in () if ids.are_ids(identifiers) else identifiers:
            ids.parse(malformed)
        found = await self._fetch(NAMES[kind], query_of("get_many", NAMES[kind]), words(identifiers))
        return tuple([record_of(kind, row) for row in found])

    async def list(
        self,
        kind: type[R],
        *,
        states: Sequence[str] = (),
        scope: str | None = None,
        shards: Sequence[int] | None = None,
        due_before_us: int | None = None,
        after: str = "",
        limit: int = LIST_MAX,
    ) -> tuple[R, ...]:
        found = await self._fetch(
            NAMES[kind],
            query_of("list", NAMES[kind]),
            after or None,
            list(states) or None,
            scope,
            None if shards is None else list(shards),
            due_before_us,
            min(limit, LIST_MAX),
        )
        return tuple([record_of(kind, row) for row in found])

    async def list_of(self, kind: type[R], scopes: Sequence[str]) -> tuple[R, ...]:
        found = await self._fetch(NAMES[kind], query_of("list_of", NAMES[kind]), list(scopes))
        return tuple([record_of(kind, row) for row in found])

    async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
        found = await self._fetch(NAMES[kind], query_of("versions", NAMES[kind]), after or None)
        return {str(row["id"]): row["version"] for row in found}

    async def changed(self, kind: type[Agent] | type[Campaign], *, since: int | None = None) -> Changed:
        versions: dict[str, int] = {}
        page = await self._changed(kind, BIGINT_MAX if since is None else since, _NOBODY)
        mark = int(page[0]["mark"])
        if since is not None and mark < since:
            # A database that was brought back from an earlier day: of what it says now, nothing is known.
            page = await self._changed(kind, 0, _NOBODY)
        while page and page[-1]["id"] is not None:
            versions.update((str(row["id"]), row["version"]) for row in page)
            # What changes meanwhile comes with the next look: the mark is the first page's.
            last = page[-1]
            page = await self._changed(kind, last["changed"], last["id"]) if len(page) == LIST_MAX else []
        return Changed(mark=mark, versions=versions)

    async def _changed(self, kind: type[Record], changed: int, identifier: str) -> Rows:
        return await self._fetch(NAMES[kind], query_of("changed", NAMES[kind]), changed, identifier, LIST_MAX)

    async def dossier(self, grant_id: str) -> Dossier:
        return await self._dossiers.read(grant_id)

    async def count(self, kind: type[Record]) -> dict[str, int]:
        found = await self._fetch(NAMES[kind], query_of("count", NAMES[kind]))
        return {row["state"]: row["many"] for row in found}

    async def windows(self, identifiers: Sequence[str] = ()) -> tuple[Window, ...]:
        found = await self._fetch("budget windows", query("windows"), list(identifiers) or None)
        return tuple([Window(**dict(row)) for row in found])

    async def windows_of(self, span: str, *, gone_bp_min: int = 0) -> tuple[Window, ...]:
        statement = query("windows_beyond" if gone_bp_min > ONE_BP else "windows_of_span")
        found = await self._fetch("budget windows", statement, span, gone_bp_min)
        return tuple([Window(**dict(row)) for row in found])

    async def windows_page(
        self, spans: Sequence[str], *, scope: str = "", after: str = "", limit: int = LIST_MAX
    ) -> tuple[Window, ...]:
        statement, most = query("windows_of_spans"), min(limit, LIST_MAX)
        found = await self._fetch("budget windows", statement, list(spans), after, scope, most)
        return tuple([Window(**dict(row)) for row in found])

    async def halted(self) -> frozenset[str]:
        return frozenset(row["scope"] for row in await self._fetch("halt", query("halted")))

    async def heads(self) -> tuple[Head, ...]:
        return tuple([Head(**dict(row)) for row in await self._fetch("heads", query("heads"))])

    async def links(self, writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]:
        found = await self._fetch("events", query("links"), writer, after_seq, min(limit, LIST_MAX))
        return tuple([Link(writer=writer, seq=row["seq"], body=row["body"], hash=row["hash"]) for row in found])

    async def links_of(self, after: Mapping[str, int], *, limit: int) -> tuple[Link, ...]:
        statement = query("links_of_writers")
        found = await self._fetch("events", statement, list(after), list(after.values()), min(limit, LIST_MAX))
        return tuple([Link(**dict(row)) for row in found])

    async def close(self) -> None:
        await self._dossiers.close()
        await close_pool(self._pool)

    async def _fetch(self, what: str, statement: str, *arguments: Any, denied: Denied = refusals.not_readable) -> Rows:
        async for _ in self._patience.attempts(f"the database, asked about {what},"):
            try:
                return await self._pool.fetch(statement, *arguments)
            except DRIVER_ERRORS as error:
                _raise_unless_lost(error, what, denied)
                self._patience.met(error)
        raise AssertionError("patience ends by raising")


async def close_pool(pool: Pool) -> None:
    """Close the connections. One whose server was killed under a cancelled query is never given back."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await pool.close()


def record_of(kind: type[R], row: asyncpg.Record) -> R:
    """The record of a fetched row."""
    return rows.read(kind, row["body"], version=row["version"], state=row["state"], due_us=row["due_us"])


def tasks_of(found: Rows) -> tuple[Task, ...]:
    """The tasks of fetched rows."""
    return tuple([record_of(Task, row) for row in found])


def _raise_unless_lost(error: Exception, what: str, denied: Denied) -> None:
    match fault_of(error):
        case Fault.LOST | Fault.AGAIN:
            return
        case Fault.FENCED:
            raise refusals.fenced(str(error)) from error
        case Fault.DENIED:
            raise denied(what) from error
        case Fault.BAD:
            raise refusals.not_storable(str(error)) from error
