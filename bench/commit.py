"""Measures the commit: changes a second in the database at several batch sizes, and Python's own share per change.

    PYTHONPATH=src:. python bench/commit.py [--version 18] [--seconds 5]

Starts a PostgreSQL of its own with fsync, full_page_writes and synchronous_commit on. A change is what a governed
decision writes: a task's next version, an attempt of about 1 kB, a grant, a hold, two movements, two events.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import uvloop

from chimera.adapters.postgres import batch as batches
from chimera.adapters.postgres.install import install
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PostgresStore, open_store
from chimera.domain.budget import Movement
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.roles import Role
from chimera.domain.rows import write
from chimera.domain.task import Task, TaskCommand, TaskState
from chimera.testing.store_samples import HOUR_US, Samples, change
from tests.adapters.postgres.server import Server

PASSWORDS = {role: "bench" for role in Role}
SIZES = (64, 512, 2_048)
WINDOWS = ("fleet|day|2026-11-21", "fleet|week|2026-W47")
TEXT = "Forty-two boards on one desk, and the kettle is still the loudest of them. " * 8


def decision(samples: Samples, task: Task) -> Change:
    """What one governed decision commits."""
    attempt = samples.attempt(task, text=TEXT)
    hold = samples.hold(WINDOWS, 1)
    events = tuple(
        Event(kind=kind, subject=task.id, at_us=1, data={"confidence_bp": 9_000, "spec": "copy.post@1"})
        for kind in (EventKind.DRAFT_JUDGED, EventKind.ACTION_GRANTED)
    )
    records = (task.after(TaskCommand.GRANT), attempt, samples.grant(expires_at_us=HOUR_US, task=task), hold)
    movements = tuple(Movement(windows=(each,), hold_micros=1) for each in WINDOWS)
    return Change(records=records, events=events, movements=movements, begins_in=("fleet",))


async def prepare(store: PostgresStore, samples: Samples, many: int) -> list[Change]:
    """Leased tasks in the database, and the decision about each."""
    tasks = [samples.task(state=TaskState.LEASED, due_at_us=1) for _ in range(many)]
    await asyncio.gather(*(store.commit(change(task)) for task in tasks))
    return [decision(samples, task) for task in tasks]


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def in_database(
    connection: asyncpg.Connection, changes: Sequence[Change], size: int, number: int
) -> tuple[float, float]:
    """Seconds, and seconds of the server process's own work, for batches whose arrays are ready."""
    loop = asyncio.get_running_loop()
    entries = [batches.Entry(write(each), loop.create_future()) for each in changes]
    ready = [batches.arrays_of(entries[at : at + size]) for at in range(0, len(entries), size)]
    opened = await connection.fetchrow(query("open_writer"), f"bench-{number}", None)
    assert opened is not None
    statement = await connection.prepare(query("commit_batch"))
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    begin, begin_cpu = time.perf_counter(), processor_seconds(pid)
    for at, arrays in enumerate(ready):
        row = await statement.fetchrow(
            opened["writer"], opened["epoch"], opened["session"], at, min(size, len(changes) - at * size), *arrays
        )
        assert row is not None and not row["o_changes"], row
    return time.perf_counter() - begin, processor_seconds(pid) - begin_cpu


async def through_the_store(store: PostgresStore, changes: Sequence[Change]) -> tuple[float, float]:
    """Seconds, and seconds of Python's own work, for concurrent commits through the port."""
    begin, begin_cpu = time.perf_counter(), time.process_time()
    at = 0

    async def commit_in_turn() -> None:
        nonlocal at
        while at < len(changes):
            at += 1
            await store.commit(changes[at - 1])

    await asyncio.gather(*(commit_in_turn() for _ in range(1_500)))
    return time.perf_counter() - begin, time.process_time() - begin_cpu


async def measure(server: Server, many: int) -> None:
    await install(server.dsn(), PASSWORDS)
    store = await open_store(server.dsn(), writer="manager-1", role=Role.MANAGER, password="bench")
    connection = await asyncpg.connect(server.dsn(), user="chimera_manager", password="bench")
    samples = Samples(start_us=await store.now_us())
    await connection.fetchval("SELECT 1")
    for number, size in enumerate(SIZES):
        changes = await prepare(store, samples, many)
        wall, cpu = await in_database(connection, changes, size, number)
        print(
            f"in the database, {size:5} a batch: {many / wall:8,.0f} changes/s, {wall / many * 1e6:5.0f} µs, "
            f"{cpu / many * 1e6:5.0f} of the server process"
        )
    changes = await prepare(store, samples, many)
    # As a long-running process should: what stands is not walked through again and again (40 µs a change otherwise).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    begin = time.process_time()
    for each in changes:
        write(each)
    print(f"encoding alone:                {(time.process_time() - begin) / many * 1e6:5.0f} µs of Python a change")
    wall, cpu = await through_the_store(store, changes)
    print(f"through the store:             {many / wall:8,.0f} changes/s, {cpu / many * 1e6:5.0f} µs of Python")
    await connection.close()
    await store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--version", type=int, default=18)
    parser.add_argument("--changes", type=int, default=20_480)
    arguments = parser.parse_args()
    server = Server(arguments.version, durable=True)
    server.start()
    try:
        uvloop.run(measure(server, arguments.changes))
    finally:
        server.stop()


if __name__ == "__main__":
    main()
