"""A calendar as an MCP server: who is busy when, meetings set and moved, tasks kept; each act once under its key.

What was begun under which key stands in a journal, so that it can be looked up where it would stand.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import msgspec

from chimera.connectors.social.journal import Journal
from chimera.domain.errors import ChimeraError, Unavailable
from chimera.domain.offered import Tool, string_of
from chimera.ports.network import Accepted, Act, Answer, Declined
from chimera.ports.tools_read import ToolsRead

PLATFORM = "calendar"
PEOPLE_MAX, DAYS_MAX = 20, 62
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


class Acts(Protocol):
    """What puts something into the calendar, under a key."""

    async def done(self, act: Act) -> Answer: ...

    async def found(self, act: Act) -> Accepted | Declined | None: ...


class Calendar:
    """Implements `ports.network.Network` over what reads and what writes a calendar server."""

    def __init__(self, tools: ToolsRead, acts: Acts, journal: Journal) -> None:
        self._tools = tools
        self._acts = acts
        self._journal = journal

    async def act(self, act: Act) -> Answer:
        """Put it there. What is told twice stands there once: its name follows from the key."""
        if refused := _unnamed(act) or self._journal.taken(act):
            return refused
        begun = self._journal.begin(act, msgspec.to_builtins(act))
        if begun.receipt is not None:
            return Accepted(begun.receipt)
        answer = await self._acts.done(act)
        if isinstance(answer, Accepted):
            self._journal.finish(begun, answer.receipt)
        return answer

    async def find(self, account: str, key: str) -> Accepted | Declined | None:
        """By the journal, and then where it would stand."""
        begun = self._journal.of(key)
        if begun is None or begun.note["account"] != account:
            return self._journal.unsure(key)
        found = await self._acts.found(msgspec.convert(begun.note, Act))
        if isinstance(found, Accepted):
            self._journal.finish(begun, found.receipt)
        return found

    async def read(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any] | Declined:
        """Spans, and nothing of what they are for."""
        try:
            return (await self._tools.call(tool, arguments, agent_id="")).content
        except ChimeraError as error:
            return Declined(error.code, error.message, later=isinstance(error, Unavailable))


def _unnamed(act: Act) -> Declined | None:
    """Keys become names on the server, which are no paths."""
    if _NAME.fullmatch(act.key):
        return None
    return Declined("arguments_malformed", "key: small letters, digits, dots and dashes, 64 at most")
