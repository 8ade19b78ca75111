"""Money as the database has it: windows, caps, holds, what was spent and why it was allowed. Moves none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec
from fastapi import Query
from msgspec import Struct

from chimera.api import paging
from chimera.api.fleet import WindowShown, shown_window
from chimera.api.paging import PAGE, Page
from chimera.api.route import Needs, Route
from chimera.api.words import Cursor, Id, Limit
from chimera.domain import ids
from chimera.domain.budget import Cap, Hold, Window
from chimera.domain.campaign import Campaign
from chimera.domain.costing import TaskCost
from chimera.domain.grant import Grant, Performance, Seal
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.governance import costing, quotas
from chimera.governance.treasury import Treasury
from chimera.ports.views import Views


class Spending(Struct, frozen=True, kw_only=True):
    """One hold with what it was for; `captured_parts`: what of it was for something else than its category."""

    id: str
    task_id: str
    state: str
    amount_micros: int
    captured_micros: int
    captured_parts: dict[str, int]
    at_us: int
    agent_id: str
    campaign_id: str
    kind: str
    platform: str
    category: str
    recipient: str
    windows: tuple[str, ...]


class SpendingExplained(Struct, frozen=True, kw_only=True):
    """Why this was allowed: the grant with its reasons, the policy, the person if there was one, the windows."""

    hold: Hold
    grant: Grant | None
    seal: Seal | None
    performance: Performance | None
    review: Review | None
    windows: tuple[WindowShown, ...]
    in_words: str


class Windows(Struct, frozen=True, kw_only=True):
    """Budget windows, by id. `next` is the cursor of those after them; empty at the end."""

    items: tuple[WindowShown, ...]
    currency: str
    next: str = ""


class MoneyRoutes:
    """`/v1/money`."""

    def __init__(self, *, views: Views, treasury: Treasury) -> None:
        self._views = views
        self._treasury = treasury

    def routes(self) -> Iterator[Route]:
        """What is served."""
        see, path = Needs("money.look"), "/v1/money"
        yield Route(method="GET", path=f"{path}/windows", endpoint=self.windows, needs=see, answer=Windows)
        yield Route(method="GET", path=f"{path}/caps", endpoint=self.caps, needs=see, answer=Page[Cap])
        yield Route(method="GET", path=f"{path}/spending", endpoint=self.spending, needs=see, answer=Page[Spending])
        yield Route(method="GET", path=f"{path}/spending/{{hold_id}}", endpoint=self.explain, needs=see,
                    answer=SpendingExplained)  # fmt: skip
        yield Route(method="GET", path=f"{path}/tasks/{{task_id}}", endpoint=self.task, needs=see, answer=TaskCost)
        yield Route(method="GET", path=f"{path}/campaigns/{{campaign_id}}/tasks", endpoint=self.tasks, needs=see,
                    answer=Page[TaskCost])  # fmt: skip

    async def windows(
        self, scope: Annotated[str, Query(description="the beginning of their ids", max_length=500)] = "",
        day: Annotated[str, Query(description="those of this day; those that are open now without it", max_length=10)]
        = "", cursor: Cursor = "", limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
    ) -> Windows:  # fmt: skip
        """Budget windows: what may be spent, what is set aside, what was spent; of quotas, how many are left."""
        spans = quotas.spans_shown(day, self._treasury, await self._views.now_us())
        after = (paging.decode(cursor, str) or "").replace("\x00", "")
        found = await self._views.windows_page(spans, scope=scope.replace("\x00", ""), after=after, limit=limit)
        return Windows(items=tuple(map(self._shown, found)), currency="USD",
                       next=paging.encode(found[-1].id) if len(found) == limit else "")  # fmt: skip

    def _shown(self, window: Window) -> WindowShown:
        opens_us = quotas.opens_again_us(window.id, zone=self._treasury.zone)
        return msgspec.structs.replace(shown_window(window), opens_again_us=opens_us)

    async def caps(self, cursor: Cursor = "", limit: Limit = PAGE) -> Page[Cap]:
        """What people allow, by scope and period."""
        found = await self._views.list(Cap, limit=limit, after=paging.place(cursor))
        return Page(items=found, next=paging.encode(found[-1].id) if len(found) == limit else "")

    async def spending(
        self, state: Annotated[Literal["", "held", "captured", "released"], Query()] = "", cursor: Cursor = "",
        limit: Limit = PAGE,
    ) -> Page[Spending]:  # fmt: skip
        """Money set aside and spent, act by act, newest first."""
        holds = await self._views.newest(Hold, states=(state,) if state else (), limit=limit,
                                         before=paging.place(cursor))  # fmt: skip
        paid = tuple(hold for hold in holds if hold.amount_micros or hold.captured_micros)
        grants = {one.hold_id: one for one in await self._grants(paid)}
        return Page(items=tuple(_spending(hold, grants.get(hold.id)) for hold in paid),
                    next=paging.encode(holds[-1].id) if len(holds) == limit else "")  # fmt: skip

    async def explain(self, hold_id: Id) -> SpendingExplained:
        """Why was this allowed?"""
        views = self._views
        hold = await views.get(Hold, hold_id)
        grant = next((one for one in await self._grants((hold,)) if one.hold_id == hold.id), None)
        reviews = await views.list(Review, scope=hold.task_id)
        windows = await views.windows((*hold.windows, *hold.quotas))
        return SpendingExplained(
            hold=hold, grant=grant, seal=await views.find(Seal, grant.id) if grant else None,
            performance=await views.find(Performance, grant.id) if grant else None,
            review=reviews[-1] if reviews else None, windows=tuple(map(shown_window, windows)),
            in_words=_in_words(hold, grant),
        )  # fmt: skip

    async def task(self, task_id: Id) -> TaskCost:
        """What one task cost, and so what it made: models, and what was paid by category."""
        return await costing.task_cost(self._views, await self._views.get(Task, task_id))

    async def tasks(self, campaign_id: Id, cursor: Cursor = "", limit: Limit = PAGE) -> Page[TaskCost]:
        """What each task of a campaign cost, in the order in which they were planned."""
        await self._views.get(Campaign, campaign_id)
        found = await costing.task_costs(self._views, campaign_id, limit=limit, after=paging.place(cursor))
        return Page(items=found, next=paging.encode(found[-1].task_id) if len(found) == limit else "")

    async def _grants(self, holds: tuple[Hold, ...]) -> tuple[Grant, ...]:
        """The grants of the holds, by way of their tasks: a grant table's index of its own would cost every task."""
        tasks = await self._views.get_many(Task, sorted({hold.task_id for hold in holds}))
        return await self._views.get_many(Grant, [task.grant_id for task in tasks if task.grant_id])


def _spending(hold: Hold, grant: Grant | None) -> Spending:
    terms, action = (grant.terms, grant.action) if grant else (None, None)
    return Spending(
        id=hold.id, task_id=hold.task_id, state=str(hold.state), amount_micros=hold.amount_micros,
        captured_micros=hold.captured_micros, captured_parts=hold.captured_parts, at_us=ids.at_us(hold.id),
        agent_id=terms.agent_id if terms else "",
        campaign_id=terms.campaign_id if terms else "", kind=action.kind if action else "",
        platform=action.platform if action else "", category=action.category if action else hold.category,
        recipient=action.recipient if action else "", windows=hold.windows,
    )  # fmt: skip


def _in_words(hold: Hold, grant: Grant | None) -> str:
    if grant is None:
        return "The grant of this hold is no longer in the database."
    approver = f", approved by {grant.terms.approver}" if grant.terms.approver else ", without a person"
    reasons = "; ".join(grant.reasons) or "no reason recorded"
    return (f"{grant.action.kind} on {grant.action.platform} was allowed{approver}: {reasons}. "
            f"{len(hold.windows)} windows had room for it when it was held.")  # fmt: skip
