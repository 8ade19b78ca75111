"""One worker with many at once, fed in batches while it works; each job commits its audit and budget row."""

import asyncio
import time

import procrastinate
from governed import AUDIT, BUDGET, TASKS_TABLES, asked, judge, plan, row, say, window, work
from psycopg_pool import AsyncConnectionPool

BATCH = 200


async def main() -> None:
    dsn, seconds, at_once, process, _ = asked()
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=dsn, max_size=16))
    done = deferred = 0
    async with AsyncConnectionPool(dsn, min_size=4, max_size=16) as pool, app.open_async():
        if not seconds:
            await app.schema_manager.apply_schema_async()
            async with pool.connection() as connection:
                await connection.execute(TASKS_TABLES, prepare=False)
            return

        @app.task(name="governed")
        async def governed(task: str) -> None:
            nonlocal done
            verdict = judge(work(plan(task)))
            async with pool.connection() as connection, connection.transaction():
                await connection.execute(AUDIT, row(verdict))
                await connection.execute(BUDGET, (window(task),))
            done += 1

        since = time.monotonic()
        worker = asyncio.create_task(app.run_worker_async(concurrency=at_once, install_signal_handlers=False))
        while time.monotonic() < since + seconds and not worker.done():
            if deferred - done < 2 * at_once + BATCH:
                jobs = [{"task": f"task-{process}-{deferred + one}"} for one in range(BATCH)]
                await app.tasks["governed"].batch_defer_async(*jobs)
                deferred += BATCH
            await asyncio.sleep(0.01)
        say(done, since)
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


asyncio.run(main())
