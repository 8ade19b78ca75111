"""Jobs deferred in batches, one worker with 64 at once; each job commits its audit and budget row."""

import asyncio
import time

import procrastinate
from governed import AUDIT, BUDGET, TASKS_TABLES, arguments, judge, plan, row, say, window, work
from psycopg_pool import AsyncConnectionPool

AT_ONCE, PER_SECOND_MAX = 64, 800


async def main() -> None:
    dsn, seconds = arguments()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, max_size=16))
    done = 0
    async with AsyncConnectionPool(dsn, min_size=4, max_size=16) as pool, app.open_async():
        await app.schema_manager.apply_schema_async()
        async with pool.connection() as connection:
            await connection.execute(TASKS_TABLES)

        @app.task(name="governed")
        async def governed(task: str) -> None:
            nonlocal done
            verdict = judge(work(plan(task)))
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(AUDIT, row(verdict))
                await connection.execute(BUDGET, (window(task),))
            done += 1

        since = time.monotonic()
        for start in range(0, int(seconds * PER_SECOND_MAX), 500):
            await governed.batch_defer_async(*({"task": f"task-{start + one}"} for one in range(500)))
        worker = asyncio.create_task(app.run_worker_async(concurrency=AT_ONCE, install_signal_handlers=False))
        while time.monotonic() < since + seconds and not worker.done():
            await asyncio.sleep(0.05)
        say("procrastinate", done, since, at_once=AT_ONCE)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


asyncio.run(main())
