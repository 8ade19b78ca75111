"""The same task for everybody: plan, work, judge, then one commit with an audit row and a budget row. No model latency."""

import hashlib
import json
import sys
import time

TASKS_TABLES = """
CREATE TABLE IF NOT EXISTS audit (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, task text NOT NULL, body text NOT NULL);
CREATE TABLE IF NOT EXISTS budget (id int PRIMARY KEY, cap bigint NOT NULL, spent bigint NOT NULL DEFAULT 0, CHECK (spent <= cap));
INSERT INTO budget (id, cap) SELECT n, 1000000000 FROM generate_series(0, 63) n ON CONFLICT DO NOTHING;
"""
AUDIT = "INSERT INTO audit (task, body) VALUES (%s, %s)"
BUDGET = "UPDATE budget SET spent = spent + 1 WHERE id = %s AND spent + 1 <= cap"


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


def say(name: str, count: int, since: float, **more: object) -> None:
    seconds = time.monotonic() - since
    json.dump({"name": name, "tasks": count, "seconds": round(seconds, 2),
               "governed_per_second": round(count / seconds, 1), **more}, sys.stdout)


def arguments() -> tuple[str, float]:
    return sys.argv[1], float(sys.argv[2])
