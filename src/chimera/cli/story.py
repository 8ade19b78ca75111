"""History in words: one line per event, for the live feed and for a task's whole life. Reads; changes nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import datetime, tzinfo
from typing import Any

import msgspec

from chimera.domain.agent import Agent
from chimera.domain.event import OF_PEOPLE, Event, EventKind, Link
from chimera.domain.money import format_micros
from chimera.ports.store import LIST_MAX, Reads

_EVENT = msgspec.json.Decoder(Event)
# What people did with their accounts is no news of the fleet; `chimera audit show` has it, and asks who asks.
_QUIET = OF_PEOPLE | {EventKind.GRANTS_SEALED, EventKind.EFFECT_STARTED, EventKind.WRITER_OPENED}


class Cursor:
    """How far each chain was read. A vector, because there is no order between writers."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    async def to_the_end(self, reads: Reads) -> None:
        """Skip what was before."""
        self._seen = {head.writer: head.seq for head in await reads.heads()}

    async def news(self, reads: Reads) -> list[Event]:
        """What has come since, by time."""
        found: list[Link] = []
        for head in await reads.heads():
            seen = self._seen.get(head.writer, 0)
            if head.seq > seen:
                links = await reads.links(head.writer, after_seq=seen, limit=LIST_MAX)
                found.extend(links)
                self._seen[head.writer] = links[-1].seq if links else seen
        return sorted((_EVENT.decode(link.body) for link in found), key=lambda event: event.at_us)


async def every_event(reads: Reads) -> AsyncGenerator[tuple[Link, Event]]:
    """All of history, chain by chain."""
    for head in await reads.heads():
        after = 0
        while page := await reads.links(head.writer, after_seq=after, limit=LIST_MAX):
            for link in page:
                yield link, _EVENT.decode(link.body)
            after = page[-1].seq


class Names:
    """Agents by name: ids are for machines."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._known: dict[str, str] = {}

    async def of(self, agent_id: str) -> str:
        """The agent's name, or the beginning of its id."""
        if agent_id and agent_id not in self._known:
            agent = await self._reads.find(Agent, agent_id)
            self._known[agent_id] = agent.name if agent else agent_id[:8]
        return self._known.get(agent_id, "")


def is_worth_telling(event: Event) -> bool:
    """Whether a person who watches wants to see it."""
    return event.kind not in _QUIET


def line_of(event: Event, *, zone: tzinfo, name: str = "") -> str:
    """One line: the time, who, what, and why."""
    clock = datetime.fromtimestamp(event.at_us / 1_000_000, zone).strftime("%H:%M:%S")
    return f"{clock}  {name or '-':24}  {_said(event)}"


def _said(event: Event) -> str:
    data = event.data
    match event.kind:
        case EventKind.INPUT_ADMITTED:
            return f"heard a {data.get('about', 'message')}, threat {data.get('threat', '?')}"
        case EventKind.INPUT_REFUSED:
            return f"refused an input: {data.get('why', '')}"
        case EventKind.INPUT_ESCALATED:
            return f"a person has to look at once: {data.get('why', '')}"
        case EventKind.PLAN_ADOPTED:
            return f"planned {data.get('steps', 0)} steps"
        case EventKind.DRAFT_JUDGED:
            return f"wrote a draft: {_verdict(data)}"
        case EventKind.ACTION_GRANTED | EventKind.ACTION_ESCALATED | EventKind.ACTION_DENIED:
            return f"{_DECIDED[event.kind]} {data.get('action', 'an act')}: {_reasons(data)}"
        case EventKind.TASK_SETTLED:
            return f"settled: {data.get('state', '')}, spent {format_micros(int(data.get('spent_micros', 0)))}"
        case _:
            return _plain(event)


_DECIDED = {
    EventKind.ACTION_GRANTED: "may",
    EventKind.ACTION_ESCALATED: "asks a person about",
    EventKind.ACTION_DENIED: "may not",
}


def _verdict(data: dict[str, Any]) -> str:
    if data.get("accepted"):
        return f"accepted, confidence {int(data.get('confidence_bp', 0)) / 100:.0f} %"
    return "sent back: " + ("; ".join(map(str, data.get("findings", ()))) or "not accepted")


def _reasons(data: dict[str, Any]) -> str:
    return "; ".join(map(str, data.get("reasons", ()))) or "no reason given"


def _plain(event: Event) -> str:
    if event.kind is EventKind.WORK_HELD_BACK:
        models = ", ".join(map(str, event.data.get("models", ())))
        return f"{event.subject} waits: {models} turns it away; {event.data.get('assignments_at_once', 0)} at once"
    if event.kind is EventKind.WORK_LET_GO:
        return f"{event.subject} goes on as before: no model turns it away"
    told = ", ".join(f"{name} {value}" for name, value in event.data.items() if name in ("why", "scope", "by", "state",
                     "name", "platform", "ruling"))  # fmt: skip
    return f"{event.kind.lower().replace('_', ' ')}{': ' if told else ''}{told}"
