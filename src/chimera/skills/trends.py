"""Finds what the public talks about. Reads; proposes nothing."""

from __future__ import annotations

import msgspec

from chimera.domain.draft import Draft
from chimera.skills.desk import Desk


async def scan(desk: Desk) -> Draft:
    """The topics that a network's own trends and the model agree on."""
    asked = desk.assignment.task.input
    seen = await desk.read("trends", {"platform": asked["platform"], "limit": asked["count_max"]})
    material = {"name": "trends", "content": seen.content, "labels": list(seen.labels)}
    envelope = await desk.ask(
        {"persona": msgspec.to_builtins(desk.assignment.persona), "input": asked, "materials": [material]}
    )
    return Draft(output=envelope.output, confidence_bp=envelope.confidence_bp, labels=desk.labels)
