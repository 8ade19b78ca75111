"""History for whoever may not read the chains: without the places in them, and a decoy begun like any review.

A gap in the numbers of a chain, or an event of the office where a manager's would stand, would tell on a decoy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet

import msgspec
from msgspec.structs import replace

from chimera.api import history
from chimera.api.history import EventLine, Found, Sought
from chimera.api.imitations import BEFORE, Imitation, Imitations, told_instead
from chimera.domain import ids
from chimera.domain.event import OF_PEOPLE, Event, EventKind
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET
from chimera.governance.identity.permits import Permits
from chimera.governance.reviewers import TOLD_AS
from chimera.ports.views import Views

# What is planted among reviews and private notes are for whoever may read the chains.
APART = frozenset({EventKind.DECOY_PLANTED, EventKind.REMARK_KEPT})


class Retelling:
    """Tells history by who asks."""

    def __init__(self, *, views: Views, imitations: Imitations, permits: Permits) -> None:
        self._views = views
        self._imitations = imitations
        self._permits = permits

    def reads_chains(self, who: Principal) -> bool:
        """Whether this person may see history as it is."""
        return self._permits.may(who, "audit.look", FLEET)

    async def newest(self, who: Principal, sought: Sought, *, before: dict[str, int]) -> Found:
        """What matches, newest first."""
        if self.reads_chains(who):
            return await history.newest(self._views, sought, before=before)
        if sought.chain:
            self._permits.require(who, "audit.look", FLEET)
        hidden = self._hidden_from(who)
        if sought.kind in hidden:
            return Found(events=(), next={})
        life = await self._imitations.of_task(sought.record) if sought.record else None
        asked = replace(sought, others=tuple(_others(sought, life)))
        found = await history.newest(self._views, asked, before=before)
        told = [line for line in await self._told(found.events, life, hidden)
                if sought.kind in ("", line.kind) and _says(line, sought.record)]  # fmt: skip
        return Found(events=tuple(sorted(told, key=lambda line: line.at_us, reverse=True)), next=found.next)

    async def about(self, who: Principal, task_id: str, *, limit: int) -> tuple[EventLine, ...]:
        """Everything that names a task, oldest first."""
        lines = await self._about(task_id, limit)
        if self.reads_chains(who):
            return lines
        life = await self._imitations.of_task(task_id)
        if life is not None:
            # What is on record of the decoy itself does not name its task; its review does.
            lines = (*lines, *await self._about(life.review.id, limit), *await self._about(life.like, limit))
        told = await self._told({(line.chain, line.sequence): line for line in lines}.values(), life,
                                self._hidden_from(who))  # fmt: skip
        return tuple(sorted((line for line in told if _says(line, task_id)), key=lambda line: line.at_us))[:limit]

    async def _about(self, record: str, limit: int) -> tuple[EventLine, ...]:
        return await history.about(self._views, record, since_us=ids.at_us(record) - 1_000_000, limit=limit)

    def _hidden_from(self, who: Principal) -> AbstractSet[str]:
        """The kinds of events that this person is not told of."""
        return APART if self._permits.may(who, "people.look", FLEET) else APART | OF_PEOPLE

    async def _told(
        self, lines: Iterable[EventLine], life: Imitation | None, hidden: AbstractSet[str]
    ) -> list[EventLine]:  # fmt: skip
        told = [await self._retold(line, life, hidden) for line in lines]
        return [replace(line, chain="", sequence=0, hash="") for line in told if line is not None]

    async def _retold(
        self, line: EventLine, life: Imitation | None, hidden: AbstractSet[str]
    ) -> EventLine | None:  # fmt: skip
        if line.kind == EventKind.DECOY_PLANTED:
            return await self._begun(line)
        if line.kind in hidden:
            return None
        if life is not None and not _names(line, life):
            return life.told_anew(line)
        return line

    async def _begun(self, line: EventLine) -> EventLine | None:
        """How a real review begins, for one that is planted."""
        planted = Event(kind=EventKind.DECOY_PLANTED, subject=line.subject, at_us=line.at_us, data=line.data)
        told = await told_instead(self._views, planted)
        return (
            replace(line, kind=str(told.kind), subject=told.subject, at_us=told.at_us, data=told.data) if told else None
        )


def _says(line: EventLine, record: str) -> bool:
    """Whether a line says so much of a record as its event would, which is how it was looked for."""
    return record in line.subject or record.encode() in msgspec.json.encode(line.data)


def _names(line: EventLine, life: Imitation) -> bool:
    """Whether an event is about the decoy's own task or review, and not about the task that it imitates."""
    return line.subject in (life.task.id, life.review.id) or life.review.id in line.data.values()


def _others(sought: Sought, life: Imitation | None) -> Iterator[tuple[str, str]]:
    """The kinds and records by which what is retold is found."""
    if sought.kind in TOLD_AS:
        yield str(EventKind.DECOY_PLANTED), sought.record
    if life is not None:
        yield from ((str(kind), life.like) for kind in sorted(BEFORE) if sought.kind in ("", kind))
