"""Celery, prefork, acknowledged late, results ignored; each task commits to PostgreSQL. The variant is its broker.

`valkey`: as its users run it, with an append-only file. `postgresql`: SQLAlchemy's transport, so that tasks are as durable
as what they commit; kombu calls it experimental.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
from celery import Celery
from governed import AUDIT, BUDGET, TASKS_TABLES, asked, judge, plan, row, say, window, work

DSN, VALKEY = os.environ.get("PEER_DSN", ""), os.environ.get("PEER_VALKEY", "")
AHEAD, STARTS_SECONDS_MAX = 1_000, 60
by_valkey = VALKEY.replace("unix://", "redis+socket://", 1)
by_postgresql = "sqla+" + DSN.replace("postgresql://", "postgresql+psycopg://", 1)
app = Celery("on_celery", broker=by_valkey or by_postgresql, backend=None)
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
    dsn, seconds, at_once, _, variant = asked()
    if not DSN:
        valkey = VALKEY if variant == "valkey" else ""
        os.execvpe(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PEER_DSN": dsn, "PEER_VALKEY": valkey})
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(TASKS_TABLES)
        if seconds:
            measure(connection, seconds, at_once)


def measure(connection: psycopg.Connection, seconds: float, at_once: int) -> None:
    """Publishes while the worker works, so that it is never without tasks; counts what was committed meanwhile."""
    worker = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "celery", "-A", "on_celery", "worker", "--pool", "prefork",
         "--concurrency", str(at_once), "--loglevel", "error", "--without-gossip", "--without-mingle"],
        cwd=Path(__file__).parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )
    try:
        published = before = done(connection)
        gives_up = time.monotonic() + STARTS_SECONDS_MAX
        while done(connection) == before and time.monotonic() < gives_up:
            published = publish(published, until=min(published + 50, before + AHEAD))
            time.sleep(0.02)
        first, since = done(connection), time.monotonic()
        while time.monotonic() < since + seconds:
            published = publish(published, until=min(published + 50, done(connection) + AHEAD))
        say(done(connection) - first, since)
    finally:
        app.control.purge()
        end(worker)


def end(worker: subprocess.Popen) -> None:
    """It is measured; what it had prefetched need not be worked on."""
    worker.terminate()
    try:
        worker.wait(timeout=15)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def publish(published: int, *, until: int) -> int:
    if until <= published:
        time.sleep(0.02)
        return published
    with app.producer_pool.acquire(block=True) as producer:
        for number in range(published, until):
            governed.apply_async((f"task-{number}",), producer=producer)
    return until


def done(connection: psycopg.Connection) -> int:
    return connection.execute("SELECT coalesce(max(id), 0) FROM audit").fetchone()[0]


if __name__ == "__main__":
    main()
