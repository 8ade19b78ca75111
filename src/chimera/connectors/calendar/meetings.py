"""A calendar as an MCP server: who is busy when, meetings set and moved, tasks kept; each act once under its key.

What was begun under which key stands in a journal, so that it can be looked up where it would stand.
"""

from __future__ import annotations

import re
from typing import Any

from chimera.connectors.social.journal import Begun, Journal
from chimera.domain.action import Action
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.offered import Tool, string_of
from chimera.ports.clock import Clock
from chimera.ports.network import Accepted, Act, Answer, Declined, Silence
from chimera.ports.publisher import Absent, Order, Published, Publisher, Rejected, Unknown
from chimera.ports.tools_read import ToolsRead

PLATFORM = "calendar"
SECONDS_MAX = 20
PEOPLE_MAX, DAYS_MAX = 20, 62
SECOND_US = 1_000_000
INSTRUCTIONS = (
    "A calendar server. People are named as it names them. Acts take your account and an idempotency key: the same act "
    "under the same key is done once. A declined act carries `happened: false`; after an error without it, ask "
    "find_by_key."
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_PERSON = {"type": "string", "pattern": f"^{_NAME.pattern}$", "description": "a name on the server"}
_PEOPLE = {"people": {"type": "array", "minItems": 1, "maxItems": PEOPLE_MAX, "items": _PERSON}}
_MOMENT = {"type": "integer", "minimum": 0, "description": "microseconds since 1970"}
_MEETING: dict[str, Any] = {"title": string_of("what it is about", longest=200), **_PEOPLE,
                            "from_us": _MOMENT, "to_us": _MOMENT}  # fmt: skip
_DAY = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "description": "a day such as 2026-03-27"}
TOOLS = (
    Tool(name="freebusy", title="When people are busy", platform=PLATFORM, required=("people", "first_day", "days"),
         description="The spans in which any of these people is busy, without what for.",
         arguments={**_PEOPLE, "first_day": _DAY,
                    "days": {"type": "integer", "minimum": 1, "maximum": DAYS_MAX, "description": "how many days"}}),
    Tool(name="set_meeting", title="Set a meeting", platform=PLATFORM, kind="meeting.set", arguments=_MEETING,
         description="Puts a meeting into the calendar of everybody whom it names. Its id is the key.",
         required=("title", "people", "from_us", "to_us")),
    Tool(name="move_meeting", title="Move a meeting", platform=PLATFORM, kind="meeting.move",
         description="Puts a meeting of yours at another time, for the same people.", is_destructive=True,
         arguments={"meeting": {**_PERSON, "description": "its id"}, **_MEETING},
         required=("meeting", "title", "people", "from_us", "to_us")),
    Tool(name="keep_task", title="Keep a task", platform=PLATFORM, kind="task.keep",
         description="Puts a task into the account's own calendar.", required=("title", "due_us"),
         arguments={"title": string_of("what is to be done", longest=200), "due_us": _MOMENT}),
    Tool(name="find_by_key", title="Find by key", description="What was done under a key, if anything.",
         platform=PLATFORM, required=("account", "key"),
         arguments={"account": string_of("the account, with its @"), "key": string_of("the key", longest=128)}),
)  # fmt: skip


class Calendar:
    """Implements `ports.network.Network` over what reads and what writes a calendar server."""

    def __init__(self, tools: ToolsRead, publisher: Publisher, journal: Journal, clock: Clock) -> None:
        self._tools = tools
        self._publisher = publisher
        self._journal = journal
        self._clock = clock

    async def act(self, act: Act) -> Answer:
        """Put it there. What is told twice stands there once: its name follows from the key."""
        if refused := _unnamed(act) or self._journal.taken(act):
            return refused
        begun = self._journal.begin(act, {"kind": act.kind, "account": act.account, "arguments": act.arguments})
        if begun.receipt is not None:
            return Accepted(begun.receipt)
        match await self._publisher.publish(self._order(begun)):
            case Published(receipt):
                self._journal.finish(begun, receipt)
                return Accepted(receipt)
            case Rejected(reason, later):
                return Declined(reason, "the calendar does not take it", later=later)
            case Unknown(reason):
                return Silence(reason)

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """By the journal, and then where it would stand."""
        begun = self._journal.of(key)
        if begun is None or begun.note["account"] != account:
            return self._journal.unsure(key)
        match await self._publisher.look_up(self._order(begun)):
            case Published(receipt):
                self._journal.finish(begun, receipt)
                return Accepted(receipt)
            case Absent():
                return None
            case Unknown(reason):
                return Declined("unavailable", reason, later=True)

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """Spans, and nothing of what they are for."""
        try:
            return (await self._tools.call(tool, arguments, agent_id="")).content
        except ChimeraError as error:
            return Declined(error.code, error.message, later=isinstance(error, Unavailable))

    def _order(self, begun: Begun) -> Order:
        action = Action(kind=begun.note["kind"], platform=PLATFORM, account=begun.note["account"],
                        arguments=begun.note["arguments"], category=PLATFORM)  # fmt: skip
        deadline_us = self._clock.now_us() + SECONDS_MAX * SECOND_US
        return Order(grant_id=begun.key, action=action, deadline_us=deadline_us)


def _unnamed(act: Act) -> Declined | None:
    """Keys become names on the server, which are no paths."""
    if _NAME.fullmatch(act.key):
        return None
    return Declined("arguments_malformed", "key: small letters, digits, dots and dashes, 64 at most")
