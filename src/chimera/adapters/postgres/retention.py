"""Makes and drops weeks of records in PostgreSQL, as the maintenance role. The database looks at every condition."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, TypeVar

import asyncpg

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.sql import query
from chimera.domain.errors import Refused
from chimera.domain.retention import WEEKS_AHEAD, Week
from chimera.domain.roles import Role

REFUSED = "CH007"
WINDOWS_AT_ONCE_MAX = 20_000
_WHAT = "the database of records"
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
T = TypeVar("T")


class PostgresWeeks:
    """Implements `ports.weeks.Weeks`. Needed once a day: it keeps no connection."""

    def __init__(self, dsn: str, *, password: str | None) -> None:
        self._dsn = dsn
        self._password = password

    async def make_ahead(self) -> int:
        """One statement."""
        return int(await self._asked(lambda at: at.fetchval(query("make_partitions"), WEEKS_AHEAD)))

    async def drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        """One statement: all of them go, or none."""
        return _weeks(await self._dropped(lambda at: at.fetch(query("drop_weeks"), before_us, checkpoint_id)))

    async def would_drop(self, *, before_us: int, checkpoint_id: str) -> tuple[Week, ...]:
        """The same statement, taken back: whoever looks beforehand sees what the database would do, and no guess."""
        found = await self._taken_back(lambda at: at.fetch(query("drop_weeks"), before_us, checkpoint_id))
        return _weeks(found)

    async def drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        """So many a statement: a house that is updated has years of them."""
        dropped = 0
        while gone := await self._dropped(
            lambda at: at.fetchval(query("drop_windows"), before_us, checkpoint_id, WINDOWS_AT_ONCE_MAX)
        ):
            dropped += gone
        return dropped

    async def would_drop_windows(self, *, before_us: int, checkpoint_id: str) -> int:
        """The same statements, all in one transaction, taken back."""

        async def counted(at: Connection) -> int:
            dropped = 0
            while gone := await at.fetchval(query("drop_windows"), before_us, checkpoint_id, WINDOWS_AT_ONCE_MAX):
                dropped += gone
            return dropped

        return await self._taken_back(counted)

    async def _taken_back(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        async def trial(at: Connection) -> T:
            transaction = at.transaction()
            await transaction.start()
            try:
                return await ask(at)
            finally:
                await transaction.rollback()

        return await self._dropped(trial)

    async def _dropped(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        try:
            return await self._asked(ask)
        except asyncpg.PostgresError as error:
            if error.sqlstate != REFUSED:
                raise
            raise Refused("retention_refused", str(error), where="database", remedy="keep them longer") from error

    async def _asked(self, ask: Callable[[Connection], Awaitable[T]]) -> T:
        async def at_once() -> T:
            connection = await asyncpg.connect(self._dsn, user=login_of(Role.MAINTENANCE), password=self._password)
            try:
                return await ask(connection)
            finally:
                await connection.close()

        return await asked(at_once, what=_WHAT)


def _weeks(rows: Sequence[asyncpg.Record]) -> tuple[Week, ...]:
    return tuple([Week(week=row["week"], records=row["records"], kept_for=row["kept_for"]) for row in rows])
