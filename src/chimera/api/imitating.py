"""What the store shows to people's screens: as it is, and with a task for every decoy. No decision is made on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from chimera.api.imitations import Imitations
from chimera.domain import refusals
from chimera.domain.agent import Agent
from chimera.domain.attempt import Attempt
from chimera.domain.budget import Window
from chimera.domain.campaign import Campaign
from chimera.domain.event import Link
from chimera.domain.grant import Performance
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.task import Task, TaskState
from chimera.ports.store import LIST_MAX, Changed, Dossier, Head
from chimera.ports.views import AgentQuery, Ages, ReviewQuery, Stretch, Views

R = TypeVar("R", bound=Record)


class ImitatingViews:
    """Implements `ports.views.Views` over other views."""

    def __init__(self, views: Views, imitations: Imitations) -> None:
        self._views = views
        self._imitations = imitations

    # ── with what is imitated ───────────────────────────────────────────────────────────────────────────────────────

    async def find(self, kind: type[R], identifier: str) -> R | None:
        found = await self._views.find(kind, identifier)
        if found is not None or kind is not Task:
            return found
        imitation = await self._imitations.of_task(identifier)
        return cast("R", imitation.task) if imitation else None

    async def get(self, kind: type[R], identifier: str) -> R:
        if kind is not Task:
            return await self._views.get(kind, identifier)
        found = await self.find(kind, identifier)
        if found is None:
            raise refusals.unknown("task", identifier)
        return found

    async def list(
        self, kind: type[R], *, states: Sequence[str] = (), scope: str | None = None,
        shards: Sequence[int] | None = None, due_before_us: int | None = None, after: str = "", limit: int = LIST_MAX,
    ) -> tuple[R, ...]:  # fmt: skip
        found = await self._views.list(kind, states=states, scope=scope, shards=shards, due_before_us=due_before_us,
                                       after=after, limit=limit)  # fmt: skip
        if kind is Attempt and scope and not found:
            return cast("tuple[R, ...]", await self._attempts(scope))
        if kind is Task and (not states or TaskState.HELD in states):
            held = [one for one in await self._imitations.waiting()
                    if one.id > after and scope in (None, one.campaign_id)]  # fmt: skip
            both = cast("tuple[Task, ...]", found) + tuple(held)
            return cast("tuple[R, ...]", tuple(sorted(both, key=lambda task: task.id)[:limit]))
        return found

    async def list_of(self, kind: type[R], scopes: Sequence[str]) -> tuple[R, ...]:
        """One after the other: what is imitated is imitated here too."""
        found = [one for scope in set(scopes) for one in await self.list(kind, scope=scope)]
        return tuple(sorted(found, key=lambda one: one.id))

    async def _attempts(self, task_id: str) -> tuple[Attempt, ...]:
        imitation = await self._imitations.of_task(task_id)
        return imitation.attempts if imitation else ()

    async def newest(
        self, kind: type[R], *, states: Sequence[str] = (), scope: str | None = None, before: str = "", limit: int,
    ) -> tuple[R, ...]:  # fmt: skip
        """As they are: none of the lists that are read from their end has decoys in it."""
        return await self._views.newest(kind, states=states, scope=scope, before=before, limit=limit)

    # ── as they are ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def now_us(self) -> int:
        return await self._views.now_us()

    async def get_many(self, kind: type[R], identifiers: Sequence[str]) -> tuple[R, ...]:
        return await self._views.get_many(kind, identifiers)

    async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
        return await self._views.versions(kind, after=after)

    async def changed(self, kind: type[Agent] | type[Campaign], *, since: int | None = None) -> Changed:
        return await self._views.changed(kind, since=since)

    async def dossier(self, grant_id: str) -> Dossier:
        return await self._views.dossier(grant_id)

    async def count(self, kind: type[Record]) -> dict[str, int]:
        return await self._views.count(kind)

    async def windows(self, identifiers: Sequence[str] = ()) -> tuple[Window, ...]:
        return await self._views.windows(identifiers)

    async def windows_of(self, span: str, *, gone_bp_min: int = 0) -> tuple[Window, ...]:
        return await self._views.windows_of(span, gone_bp_min=gone_bp_min)

    async def windows_page(
        self, spans: Sequence[str], *, scope: str = "", after: str = "", limit: int = LIST_MAX
    ) -> tuple[Window, ...]:
        return await self._views.windows_page(spans, scope=scope, after=after, limit=limit)

    async def halted(self) -> frozenset[str]:
        return await self._views.halted()

    async def heads(self) -> tuple[Head, ...]:
        return await self._views.heads()

    async def links(self, writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]:
        return await self._views.links(writer, after_seq=after_seq, limit=limit)

    async def links_of(self, after: Mapping[str, int], *, limit: int) -> tuple[Link, ...]:
        return await self._views.links_of(after, limit=limit)

    async def reviews(self, asked: ReviewQuery) -> tuple[Review, ...]:
        return await self._views.reviews(asked)

    async def agents(self, asked: AgentQuery) -> tuple[Agent, ...]:
        return await self._views.agents(asked)

    async def search(self, stretch: Stretch) -> tuple[Link, ...]:
        return await self._views.search(stretch)

    async def in_flight(self, *, limit: int) -> tuple[Performance, ...]:
        return await self._views.in_flight(limit=limit)

    async def moving(self) -> Mapping[str, int]:
        # What is held is not on its way: a decoy's task is missing from no count.
        return await self._views.moving()

    async def ages(self) -> Ages:
        return await self._views.ages()

    async def waiting_reviews(self) -> Mapping[str, int]:
        return await self._views.waiting_reviews()
