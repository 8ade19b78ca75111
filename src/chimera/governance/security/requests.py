"""What an agent asks for, beside the words: whether it may, cleaned of what nobody sees, and put on record.

Asks the store and notes what came of it; does nothing of what is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

from msgspec import Struct

from chimera.domain import scopes
from chimera.domain.agent import Agent
from chimera.domain.change import Change
from chimera.domain.event import Event, EventKind
from chimera.domain.permissions import needed_for, needed_for_tool
from chimera.domain.threat import ThreatLevel
from chimera.ports.store import Reads, Store

REASON_CHARS_MAX = 500
ASKS = {"action": needed_for, "tool": needed_for_tool}
_UNSEEN = re.compile(
    "[\u202a-\u202e\u2066-\u2069]"  # What turns the direction of writing around.
    "|(?<=[^\\W\\d_])[\u00ad\u034f\u180b-\u180e\u200b-\u200f\u2060-\u2064\ufeff]+(?=[^\\W\\d_])"  # Inside a word.
    "|(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0020-\U000e007f]+"  # Tags, but for a flag's.
)
_SURROGATE = re.compile("[\ud800-\udfff]")


class Noted(Struct, frozen=True, kw_only=True):
    """What came of a request, as it stands in history: never the request's own words."""

    agent_id: str
    approved: bool
    level: ThreatLevel
    why: str


async def objections(reads: Reads, agent_id: str, request: dict[str, Any]) -> tuple[str, ...]:
    """In words, why this agent may not ask for this; nothing when it may."""
    agent = await reads.find(Agent, agent_id)
    if agent is None:
        return ("this agent is not known",)
    halted = await reads.halted()
    wanted = {scopes.FLEET, scopes.agent(agent.id), scopes.tool(str(request.get("tool", "")))}
    stopped = tuple(f"{scope} is halted" for scope in sorted(wanted & halted))
    return (*stopped, *_not_permitted(agent, request))


def _not_permitted(agent: Agent, request: dict[str, Any]) -> Iterator[str]:
    if not agent.allowed:
        yield f"the agent is {agent.state}, or is permitted nothing"
    for name, needs in ASKS.items():
        if name not in request:
            continue
        asked = request[name]
        permission = needs(asked) if isinstance(asked, str) else None
        if permission is None:
            yield f"nothing is known of the {name} that it asks for"
        elif permission not in agent.allowed:
            yield f"its manifest does not permit {permission}"


def cleaned(value: object) -> object:
    """The same without signs that nobody sees and that change how the rest is read; halves of signs become one."""
    match value:
        case str():
            return value if value.isascii() else _SURROGATE.sub("\ufffd", _UNSEEN.sub("", value))
        case dict():
            return {key: cleaned(item) for key, item in cast("dict[str, Any]", value).items()}
        case list() | tuple():
            return [cleaned(item) for item in cast("list[Any]", value)]
        case _:
            return value


async def note(store: Store, noted: Noted) -> None:
    """Put on record who asked, whether it was let in, and why."""
    data = {"agent": _plain(noted.agent_id), "approved": noted.approved, "threat": str(noted.level),
            "why": _plain(noted.why)}  # fmt: skip
    event = Event(kind=EventKind.REQUEST_VALIDATED, subject=_plain(noted.agent_id), at_us=await store.now_us(),
                  data=data)  # fmt: skip
    await store.commit(Change(events=(event,)))


def _plain(text: str) -> str:
    """What may quote a stranger, as history can hold it."""
    return text.encode("ascii", "backslashreplace").decode().replace("\x00", "\\0")[:REASON_CHARS_MAX]
