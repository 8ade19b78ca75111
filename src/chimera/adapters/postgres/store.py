"""The truth on PostgreSQL, opened for one writer. Writes through one function of the database and in no other way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import asyncpg

from chimera.adapters.postgres.arrays import standing_numbers
from chimera.adapters.postgres.committer import Committer
from chimera.adapters.postgres.faults import DRIVER_ERRORS, Fault, fault_of
from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.line import Line, Took
from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import Pool, PostgresReads, tasks_of
from chimera.adapters.postgres.sealed import Sealing
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.turns import WAIT_SECONDS_MAX, free_writers, is_busy, take
from chimera.domain import refusals, rows
from chimera.domain.change import Change
from chimera.domain.errors import Conflict
from chimera.domain.roles import Role
from chimera.domain.task import Task
from chimera.ports.store import NONE_LIMITED
from chimera.ports.subjects import SubjectKeys

PATIENCE_SECONDS = 30.0
CONNECT_SECONDS_MAX = 5.0
READERS_MAX = 4
# The last one used is taken first: what a busy moment opened beside it is given back soon.
IDLE_SECONDS_MAX = 30.0
CLAIM_MAX = 1_000

_SETTINGS = {
    # Filters are optional: a plan has to be made for those that are given.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
    "synchronous_commit": "on",
    "timezone": "UTC",
}
# Planning reads what waits, in the order of ids, a page at a time. In that order whoever reads marks what is over, and
# the next one passes it; a bitmap takes all of it again and again until a vacuum (ADR-213).
_OF_ROLE: Mapping[Role, Mapping[str, str]] = {Role.MANAGER: {"enable_bitmapscan": "off"}}
# What a manager has on its line is what everybody waits for. Who lets in and who performs write beside it, on the same
# disk and processors: fewer and larger batches of theirs leave it more of both than they cost whoever waits (ADR-227).
APART_SECONDS: Mapping[Role, float] = {Role.OFFICE: 0.01, Role.EFFECTS: 0.015}
# A batch is the same call each time: planned anew, its arrays are read and copied twice.
_LINE_SETTINGS = {**_SETTINGS, "plan_cache_mode": "force_generic_plan"}


class PostgresStore(PostgresReads):
    """A `ports.store.Store` for one writer at one epoch."""

    def __init__(
        self, pool: Pool, line: Line, *, writer: str, patience: Patience, sealing: Sealing, apart_seconds: float = 0.0
    ) -> None:
        super().__init__(pool, patience)
        self._sealing = sealing
        self._line = line
        self._writer = writer
        self._committer = Committer(line, writer, patience, apart_seconds=apart_seconds)

    @property
    def writer(self) -> str:
        return self._writer

    @property
    def epoch(self) -> int:
        """Which instance of its writer this is."""
        assert self._line.epoch is not None, "opened before it is handed out"
        return self._line.epoch

    @property
    def batches(self) -> int:
        """How many batches it has sent so far."""
        return self._line.batches

    async def commit(self, change: Change) -> None:
        await self._committer.commit(await self._sealing.sealed(change, rows.write(change)))

    async def claim(
        self, *, shards: Sequence[int], limit: int, lease_seconds: float, most: Mapping[str, int] = NONE_LIMITED
    ) -> tuple[Task, ...]:
        return tasks_of(
            await self._fetch(
                "leases",
                query("claim"),
                self._writer,
                self._line.epoch,
                standing_numbers(tuple(shards)),
                min(limit, CLAIM_MAX),
                round(lease_seconds * 1_000_000),
                list(most),
                [max(0, so_many) for so_many in most.values()],
                denied=refusals.not_permitted,
            )
        )

    async def close(self) -> None:
        await self._committer.close()
        await self._line.close()
        await super().close()


async def open_reads(
    dsn: str, *, role: Role, password: str | None = None, patience_seconds: float = PATIENCE_SECONDS,
    keys: SubjectKeys | None = None, took: Took | None = None,
) -> PostgresReads:  # fmt: skip
    """Open the database for reading, with the login of a role."""
    return PostgresReads(await pool_of(dsn, role, password, keys=keys, took=took), Patience(patience_seconds))


async def open_store(
    dsn: str, *, writer: str, role: Role, password: str | None = None, patience_seconds: float = PATIENCE_SECONDS,
    keys: SubjectKeys | None = None, only_if_free: bool = False, took: Took | None = None,
) -> PostgresStore:  # fmt: skip
    """Open the database for one writer, with the login of a role; whoever had this writer is fenced.

    Only if it is free: whoever else opened it so is not fenced, but stands in our way (`turns.is_busy`).
    """

    async def connect() -> asyncpg.Connection[asyncpg.Record]:
        connection = await asyncpg.connect(
            dsn,
            user=login_of(role),
            password=password,
            timeout=CONNECT_SECONDS_MAX,
            server_settings={**_LINE_SETTINGS, "application_name": f"chimera {writer}"},
        )
        if only_if_free:
            try:
                await take(connection, writer, again=line.epoch is not None)
            except BaseException:
                connection.terminate()
                raise
        return connection

    line, patience = Line(connect, writer, took=took), Patience(patience_seconds)
    await _open(line, writer, patience)
    pool = await pool_of(dsn, role, password, keys=keys, took=took)
    return PostgresStore(pool, line, writer=writer, patience=patience, sealing=Sealing(keys),
                         apart_seconds=APART_SECONDS.get(role, 0.0))  # fmt: skip


async def open_free_store(
    dsn: str, *, name: str, role: Role, password: str | None = None, patience_seconds: float = PATIENCE_SECONDS,
    keys: SubjectKeys | None = None, wait_seconds: float = WAIT_SECONDS_MAX,
) -> PostgresStore:  # fmt: skip
    """Open the database for whichever writer of this name is free: several commands at once do not fence each other."""
    busy: Conflict | None = None
    async for writer in free_writers(name, wait_seconds=wait_seconds):
        try:
            return await open_store(dsn, writer=writer, role=role, password=password, keys=keys,
                                    patience_seconds=patience_seconds, only_if_free=True)  # fmt: skip
        except Conflict as taken:
            if not is_busy(taken):
                raise
            busy = taken
    assert busy is not None, "every writer was tried at least once"
    raise busy


async def _open(line: Line, writer: str, patience: Patience) -> None:
    async for _ in patience.attempts(f"the database of {writer}"):
        try:
            await line.open()
            return
        except DRIVER_ERRORS as error:
            fault = fault_of(error)
            if fault is Fault.DENIED:
                raise refusals.not_permitted(str(error)) from error
            if fault not in (Fault.LOST, Fault.AGAIN):
                raise
            patience.met(error)


async def pool_of(
    dsn: str, role: Role, password: str | None, *, keys: SubjectKeys | None = None, took: Took | None = None
) -> Pool:
    """Connections for reading, with the login of a role."""
    read_with = Sealing(keys).read_with

    async def prepared(connection: asyncpg.Connection[asyncpg.Record]) -> None:
        await read_with(connection)
        if (told := took) is not None:
            connection.add_query_logger(lambda query: told(query.elapsed))

    return await asyncpg.create_pool(
        dsn,
        user=login_of(role),
        password=password,
        min_size=0,
        max_size=READERS_MAX,
        max_inactive_connection_lifetime=IDLE_SECONDS_MAX,
        timeout=CONNECT_SECONDS_MAX,
        command_timeout=60,
        reset=_keep,
        init=prepared,
        server_settings={**settings_of(role), "application_name": f"chimera {role.value} reads"},
    )


def settings_of(role: Role) -> dict[str, str]:
    """What a connection for reading is opened with."""
    return {**_SETTINGS, **_OF_ROLE.get(role, {})}


async def _keep(_connection: object) -> None:
    """Readers set nothing and listen to nothing: there is nothing to reset, and it would cost a round trip a read."""
