"""Celery with PostgreSQL as broker and for results, prefork with a process per core, acknowledged late."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from celery import Celery
from governed import AUDIT, BUDGET, TASKS_TABLES, arguments, judge, plan, row, say, window, work

DSN = os.environ.get("PEER_DSN", "")
url = DSN.replace("postgresql://", "postgresql+psycopg://", 1)
app = Celery("on_celery", broker=f"sqla+{url}", backend=None)
app.conf.update(task_acks_late=True, task_ignore_result=True, worker_prefetch_multiplier=16)
_connections: dict[int, psycopg.Connection] = {}


@app.task(name="governed")
def governed(task: str) -> None:
    connection = _connections.get(os.getpid())
    if connection is None:
        connection = _connections[os.getpid()] = psycopg.connect(DSN)
    verdict = judge(work(plan(task)))
    with connection.transaction():
        connection.execute(AUDIT, row(verdict))
        connection.execute(BUDGET, (window(task),))


def main() -> None:
    dsn, seconds = arguments()
    if not DSN:
        os.execvpe(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PEER_DSN": dsn})
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TASKS_TABLES)
        for number in range(int(seconds * 300)):
            governed.delay(f"task-{number}")
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "on_celery", "worker", "--pool", "prefork", "--concurrency",
             str(os.cpu_count()), "--loglevel", "error", "--without-gossip", "--without-mingle"],
            cwd=Path(__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        count = lambda: connection.execute("SELECT count(*) FROM audit").fetchone()[0]  # noqa: E731
        waits = time.monotonic() + 60
        while count() == 0 and time.monotonic() < waits:
            time.sleep(0.05)
        before, since = count(), time.monotonic()
        time.sleep(seconds)
        say("Celery + PostgreSQL", count() - before, since, at_once=os.cpu_count())
        worker.terminate()
        worker.wait(timeout=30)


if __name__ == "__main__":
    main()
