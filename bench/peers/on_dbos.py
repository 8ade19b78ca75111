"""A durable workflow of three steps and a committing step, as many at once as its queue and threads carry best."""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
from dbos import DBOS
from governed import AUDIT, BUDGET, TASKS_TABLES, asked, judge, plan, row, say, window, work
from psycopg_pool import ConnectionPool

dsn, seconds, at_once, process, _ = asked()
DBOS(config={"name": "peer", "system_database_url": dsn, "run_admin_server": False, "log_level": "ERROR",
             "executor_id": f"peer-{process}"})
pool = ConnectionPool(dsn, min_size=4, max_size=16, open=True)


@DBOS.step()
def planned(task: str) -> dict:
    return plan(task)


@DBOS.step()
def worked(step: dict) -> dict:
    return work(step)


@DBOS.step()
def judged(draft: dict) -> dict:
    return judge(draft)


@DBOS.step()
def committed(verdict: dict) -> None:
    with pool.connection() as connection, connection.transaction():
        connection.execute(AUDIT, row(verdict))
        connection.execute(BUDGET, (window(verdict["task"]),))


@DBOS.workflow()
def governed(task: str) -> None:
    committed(judged(worked(planned(task))))


DBOS.launch()
if not seconds:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TASKS_TABLES)
    pool.close()
    DBOS.destroy()
    sys.exit()
since = time.monotonic()


def runner(name: int) -> int:
    count = 0
    while time.monotonic() < since + seconds:
        governed(f"task-{process}-{name}-{count}")
        count += 1
    return count


with ThreadPoolExecutor(at_once) as threads:
    done = sum(threads.map(runner, range(at_once)))
say(done, since)
pool.close()
DBOS.destroy()
