"""Which processes of a house are at work, in PostgreSQL, by its clock. Says it and reads it; decides nothing by it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from chimera.adapters.postgres.asking import asked
from chimera.adapters.postgres.reads import Pool, close_pool
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import pool_of
from chimera.domain.presence import Heard
from chimera.domain.roles import Role

_WHAT = "the database of who is at work"


class Present(Struct, frozen=True, kw_only=True):
    """A process in a role: since when it works, how long ago it was heard of, and the slots that it holds.

    One that has left ended in order. A manager that needs workers works by worker processes.
    """

    role: str
    who: str
    process: str
    since_us: int
    silent_us: int
    slots: tuple[int, ...] = ()
    about: str = ""
    has_left: bool = False
    needs_workers: bool = False


class PostgresPresence:
    """Of one process, in the role whose login it has; whoever has the auditor's reads who all are."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, dsn: str, *, role: Role, password: str | None) -> PostgresPresence:
        """Open it with the login of a role."""
        return cls(await pool_of(dsn, role, password))

    async def say(self, who: str, *, process: str, needs_workers: bool = False) -> None:
        """It is at work now."""
        await asked(lambda: self._pool.execute(query("be_present"), who, process, needs_workers), what=_WHAT)

    async def hear(self, workers: Sequence[Heard]) -> None:
        """A manager hears these worker processes, which can say nothing here themselves."""
        by_name = {one.who: msgspec.structs.astuple(one) for one in workers}
        columns = [list(column) for column in zip(*by_name.values(), strict=True)]
        if columns:
            await asked(lambda: self._pool.execute(query("hear_workers"), *columns), what=_WHAT)

    async def leave(self, who: str) -> None:
        """It ends in order."""
        await asked(lambda: self._pool.execute(query("be_gone"), who), what=_WHAT)

    async def present(self) -> tuple[Present, ...]:
        """All who were heard of within a day, those who ended in order too."""
        rows = await asked(lambda: self._pool.fetch(query("who_is_present")), what=_WHAT)
        return tuple([msgspec.convert(dict(row), Present) for row in rows])

    async def close(self) -> None:
        """Close the connections."""
        await close_pool(self._pool)
