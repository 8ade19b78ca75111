"""Meetings and tasks: reads when everybody is free, and proposes the first time that suits all. Asks no model."""

from __future__ import annotations

from datetime import date
from typing import Any

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.skills.desk import Desk
from chimera.skills.meetings.slots import Wish, first_free, spans_of

CALENDAR = "calendar"
CONFIDENCE_BP = 9_500
HORIZON_DAYS = 14


async def keep(desk: Desk) -> Draft:
    """A meeting, a meeting moved, or a task, as the task's type says."""
    asked = desk.assignment.task.input
    match desk.spec.name:
        case "calendar.task":
            arguments = {"title": asked["title"], "due_us": asked["due_us"]}
            return _draft(desk, "task.keep", arguments, {"title": asked["title"]})
        case "calendar.move":
            return await _meet(desk, "meeting.move", {"meeting": asked["meeting"]})
        case _:
            return await _meet(desk, "meeting.set", {})


async def _meet(desk: Desk, kind: str, about: dict[str, Any]) -> Draft:
    asked = desk.assignment.task.input
    wish = Wish(minutes=asked["minutes"], first_day=date.fromisoformat(asked["first_day"]), zone=asked["zone"],
                days=HORIZON_DAYS)  # fmt: skip
    answer = await desk.read("freebusy", {"people": asked["people"], "first_day": asked["first_day"],
                                          "days": HORIZON_DAYS + 1})  # fmt: skip
    found = first_free(wish, spans_of(answer.content["busy"]))
    if found is None:
        raise Invalid("meeting_no_time", f"nobody finds a time within {HORIZON_DAYS} days", where="input",
                      remedy="ask for a later day, fewer people or a shorter meeting")  # fmt: skip
    span = {"from_us": found.from_us, "to_us": found.to_us}
    arguments = {**about, "title": asked["title"], "people": list(asked["people"]), **span}
    return _draft(desk, kind, arguments, {"title": asked["title"], **span})


def _draft(desk: Desk, kind: str, arguments: dict[str, Any], output: dict[str, Any]) -> Draft:
    action = Action(kind=kind, platform=CALENDAR, account=desk.assignment.account, arguments=arguments,
                    category="calendar")  # fmt: skip
    return Draft(output=output, confidence_bp=CONFIDENCE_BP, labels=desk.labels, action=action)
