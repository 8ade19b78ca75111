"""The plain loop: claim some hundreds with SKIP LOCKED, do the work, write state, audit and budget rows, commit. No governance."""

import asyncio
import time

import asyncpg
from governed import TASKS_TABLES, asked, judge, plan, row, say, window, work

WORKERS, QUEUED_PER_SECOND = 2, 40_000


async def main() -> None:
    dsn, seconds, batch, *_ = asked()
    connections = [await asyncpg.connect(dsn) for _ in range(WORKERS)]
    await connections[0].execute(TASKS_TABLES)
    await connections[0].execute(
        "DROP TABLE IF EXISTS queue; CREATE TABLE queue (id bigint PRIMARY KEY, state text NOT NULL DEFAULT 'ready');"
        "CREATE INDEX ON queue (id) WHERE state = 'ready'"
    )
    await connections[0].execute(
        "INSERT INTO queue (id) SELECT generate_series(1, $1::bigint)", int(seconds * QUEUED_PER_SECOND)
    )
    since = time.monotonic()
    done = sum(await asyncio.gather(*(loop(one, batch, since + seconds) for one in connections)))
    say(done, since)


async def loop(connection: asyncpg.Connection, batch: int, until: float) -> int:
    count = 0
    while time.monotonic() < until:
        async with connection.transaction():
            rows = await connection.fetch(
                "SELECT id FROM queue WHERE state = 'ready' ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED", batch
            )
            if not rows:
                break
            verdicts = [judge(work(plan(f"task-{one['id']}"))) for one in rows]
            spent: dict[int, int] = {}
            for verdict in verdicts:
                spent[window(verdict["task"])] = spent.get(window(verdict["task"]), 0) + 1
            ids = [one["id"] for one in rows]
            await connection.execute("UPDATE queue SET state = 'done' WHERE id = ANY ($1::bigint[])", ids)
            await connection.executemany("INSERT INTO audit (task, body) VALUES ($1, $2)", map(row, verdicts))
            await connection.execute(
                "WITH held AS (SELECT id FROM budget WHERE id = ANY ($1::int[]) ORDER BY id FOR UPDATE) "
                "UPDATE budget b SET spent = b.spent + s.n FROM unnest($1::int[], $2::bigint[]) s(id, n), held h "
                "WHERE b.id = s.id AND h.id = b.id", list(spent), list(spent.values()),
            )
            count += len(rows)
    return count


asyncio.run(main())
