"""The same task for everybody: plan, work, judge, then one commit with an audit row and a budget row. No model latency.

A script is called with: where the database is, for how many seconds, how many at once, which of several processes it is,
and what else its users choose. With zero seconds it only makes its tables.
"""

import hashlib
import json
import sys
import time
from typing import NamedTuple

TASKS_TABLES = """
CREATE TABLE IF NOT EXISTS audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task text NOT NULL, body text NOT NULL);
CREATE TABLE IF NOT EXISTS budget (id int PRIMARY KEY, cap bigint NOT NULL, spent bigint NOT NULL DEFAULT 0, CHECK (spent <= cap));
INSERT INTO budget (id, cap) SELECT n, 1000000000 FROM generate_series(0, 63) n ON CONFLICT DO NOTHING;
"""
AUDIT = "INSERT INTO audit (task, body) VALUES (%s, %s)"
BUDGET = "UPDATE budget SET spent = spent + 1 WHERE id = %s AND spent + 1 <= cap"


class Asked(NamedTuple):
    dsn: str
    seconds: float
    at_once: int
    number: int
    variant: str


def asked() -> Asked:
    dsn, seconds, at_once, number, variant = sys.argv[1:6]
    return Asked(dsn, float(seconds), int(at_once), int(number), variant)


def plan(task: str) -> dict:
    return {"task": task, "step": "post", "text": f"a line about {task}"}


def work(step: dict) -> dict:
    return {"task": step["task"], "text": step["text"].upper(), "confidence": 9500}


def judge(draft: dict) -> dict:
    text = draft["text"]
    accepted = isinstance(text, str) and 0 < len(text) <= 280 and draft["confidence"] >= 9000
    return {"task": draft["task"], "accepted": accepted, "digest": hashlib.sha256(text.encode()).hexdigest()}


def row(verdict: dict) -> tuple[str, str]:
    return verdict["task"], json.dumps(verdict, sort_keys=True)


def window(task: str) -> int:
    return int(hashlib.sha256(task.encode()).hexdigest(), 16) % 64


def say(count: int, since: float) -> None:
    seconds = time.monotonic() - since
    json.dump({"tasks": count, "seconds": round(seconds, 2), "governed_per_second": round(count / seconds, 1)}, sys.stdout)
