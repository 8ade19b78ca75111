"""Lists and sums for screens, over the indexes of migration 0050. Changes nothing: its logins may only select."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads, record_of
from chimera.adapters.postgres.sql import query, query_of
from chimera.adapters.postgres.store import PATIENCE_SECONDS, pool_of
from chimera.domain.agent import Agent
from chimera.domain.event import Link
from chimera.domain.grant import Performance
from chimera.domain.kinds import NAMES
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.domain.roles import Role
from chimera.ports.store import LIST_MAX
from chimera.ports.subjects import SubjectKeys
from chimera.ports.views import AgentQuery, Ages, ReviewQuery, Stretch

R = TypeVar("R", bound=Record)


class PostgresViews(PostgresReads):
    """The reads of `ports.views`."""

    async def newest(
        self, kind: type[R], *, states: Sequence[str] = (), scope: str | None = None, before: str = "", limit: int,
    ) -> tuple[R, ...]:  # fmt: skip
        found = await self._fetch(NAMES[kind], query_of("view_newest", NAMES[kind]), before or None,
                                  list(states) or None, scope, min(limit, LIST_MAX))  # fmt: skip
        return tuple([record_of(kind, row) for row in found])

    async def reviews(self, asked: ReviewQuery) -> tuple[Review, ...]:
        name = "view_reviews_newest" if asked.newest_first else "view_reviews"
        due_us, identifier = asked.after or (None, None)
        found = await self._fetch(
            "reviews", query(name), asked.state, asked.risk or None, asked.agent_id or None, asked.assignee or None,
            due_us, identifier, asked.limit,
        )  # fmt: skip
        return tuple([record_of(Review, row) for row in found])

    async def agents(self, asked: AgentQuery) -> tuple[Agent, ...]:
        after = await self.find(Agent, asked.after) if asked.after else None
        found = await self._fetch(
            "agents", query("view_agents"), asked.state or None, asked.text.lower() or None,
            after.name if after else None, after.id if after else None, asked.limit,
        )  # fmt: skip
        return tuple([record_of(Agent, row) for row in found])

    async def search(self, stretch: Stretch) -> tuple[Link, ...]:
        found = await self._fetch(
            "events", query("view_events_newest" if stretch.newest_first else "view_events"), stretch.writer,
            stretch.after_seq, stretch.to_seq, list(stretch.needles), stretch.limit,
        )  # fmt: skip
        return tuple([Link(writer=stretch.writer, seq=row["seq"], body=row["body"], hash=row["hash"]) for row in found])

    async def in_flight(self, *, limit: int) -> tuple[Performance, ...]:
        found = await self._fetch("performances", query("view_in_flight"), limit)
        return tuple([record_of(Performance, row) for row in found])

    async def ages(self) -> Ages:
        return Ages(**dict((await self._fetch("ages", query("view_ages")))[0]))

    async def moving(self) -> dict[str, int]:
        return {row["state"]: row["many"] for row in await self._fetch("tasks", query("view_moving"))}

    async def waiting_reviews(self) -> dict[str, int]:
        return {row["risk"]: row["many"] for row in await self._fetch("reviews", query("view_waiting_reviews"))}


async def open_views(
    dsn: str, *, role: Role, password: str | None = None, patience_seconds: float = PATIENCE_SECONDS,
    keys: SubjectKeys | None = None,
) -> PostgresViews:  # fmt: skip
    """Open the database for screens, with the login of a role."""
    return PostgresViews(await pool_of(dsn, role, password, keys=keys), Patience(patience_seconds))
