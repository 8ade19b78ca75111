"""Finds what the public talks about. Reads; proposes nothing.

The figures are measured from posts, never the model's: it chooses among topics, and what it invents falls.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.skills.desk import Desk
from chimera.skills.trends import topics
from chimera.skills.trends.post import Post, Trend
from chimera.skills.trends.trend_analyzer import TRENDS_MAX, analyze

POSTS_READ = 60
POSTS_MIN = 12
SCORE_ONE_BP = 10_000
TOPIC_LENGTH_MAX = 100

Row = dict[str, Any]


async def scan(desk: Desk) -> Draft:
    """The topics that rise in the posts just read, or that the network itself names; in the model's choice."""
    asked = desk.assignment.task.input
    told = await desk.read("trends", {"platform": asked["platform"], "limit": asked["count_max"]})
    seen = await desk.read("timeline", {"platform": asked["platform"], "limit": POSTS_READ})
    measured = _measured(seen.content, asked)
    rows = _together(measured, _rows(told.content), asked["count_max"])
    material = {"name": "trends", "content": {"trends": rows}, "labels": list(desk.labels)}
    envelope = await desk.ask(
        {"persona": msgspec.to_builtins(desk.assignment.persona), "input": asked, "materials": [material]}
    )
    output = {**envelope.output, "trends": _kept(envelope.output, measured, rows)}
    return Draft(output=output, confidence_bp=envelope.confidence_bp, labels=desk.labels)


def _measured(content: Row, asked: Row) -> list[Row]:
    posts = [
        Post(author=str(row.get("author", "")), text=str(row.get("text", "")), at_us=int(row.get("at_us", 0)))
        for row in _listed(content, "posts")
    ]
    if len(posts) < POSTS_MIN:
        return []
    try:
        report = analyze(platform=asked["platform"], posts=posts, count_max=min(TRENDS_MAX, asked["count_max"]))
    except Invalid:
        return []  # Nothing was said by anybody in words of their own.
    return [_row(trend) for trend in report.trends if trend.voices > 1]


def _row(trend: Trend) -> Row:
    return {
        "topic": trend.topic[:TOPIC_LENGTH_MAX],
        "score_bp": round(trend.score * SCORE_ONE_BP),
        "why": trend.why,
        "examples": list(trend.examples),
    }


def _rows(content: Row) -> list[Row]:
    return [row for row in _listed(content, "trends") if row.get("topic")]


def _together(measured: list[Row], told: list[Row], count_max: int) -> list[Row]:
    """What was measured first; then what the network says beside it."""
    known = {topics.key_of(row["topic"]) for row in measured}
    return [*measured, *(row for row in told if topics.key_of(str(row["topic"])) not in known)][:count_max]


def _kept(output: Row, measured: list[Row], rows: list[Row]) -> list[Row]:
    """The model's choice, with the figures as they were measured; without what stands nowhere."""
    chosen = _listed(output, "trends")
    if not rows:
        return chosen
    figures = {topics.key_of(row["topic"]): row for row in measured}
    known = {topics.key_of(str(row["topic"])) for row in rows}
    keys = [topics.key_of(str(row.get("topic", ""))) for row in chosen]
    return [figures.get(key, row) for key, row in zip(keys, chosen, strict=True) if key in known] or chosen


def _listed(content: Row, name: str) -> list[Row]:
    found: object = content.get(name)
    return (
        [cast("Row", row) for row in cast("list[object]", found) if isinstance(row, dict)]
        if isinstance(found, list)
        else []
    )
