"""`chimera spend task` and `chimera spend tasks`: what single tasks, and so the things that they made, cost."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.cli import output, stopping
from chimera.cli.books import SHOWN_MAX, Json, with_ledger, write_csv
from chimera.cli.returns import return_bp
from chimera.domain import ids
from chimera.domain.campaign import Campaign
from chimera.domain.costing import TaskCost
from chimera.domain.money import format_micros
from chimera.domain.task import Task
from chimera.governance import costing

# Of a line of `spend tasks --csv`.
COLUMNS = (*(name for name in TaskCost.__struct_fields__ if name != "categories"), "categories_micros",
           "revenue_micros", "roi_bp")  # fmt: skip


def task(
    identifier: Annotated[str, typer.Argument(help="The id of a task.")],
    *,
    as_json: Json = False,
) -> None:
    """What one task cost, and so what it made: models, and what was paid by category."""
    wanted = ids.parse(identifier, where="id")
    found = stopping.run(with_ledger(lambda reads, _: _cost(reads, wanted), at="tasks"))
    if as_json:
        output.answer(_whole(found))
    else:
        _show((found,))


def tasks(
    campaign: Annotated[str, typer.Argument(help="The id of a campaign.")],
    *,
    limit: Annotated[int, typer.Option(help="How many.")] = 50,
    after: Annotated[str, typer.Option(help="Go on behind this task.")] = "",
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout.")] = False,
    as_json: Json = False,
) -> None:
    """What each task of a campaign cost, one line for each."""
    wanted = ids.parse(campaign, where="campaign")
    after = ids.parse(after, where="after") if after else ""
    limit = max(1, min(limit, SHOWN_MAX))
    found = stopping.run(with_ledger(lambda reads, _: _costs(reads, wanted, after=after, limit=limit), at="tasks"))
    if as_json:
        output.answer({"tasks": [_whole(one) for one in found]})
    elif as_csv:
        write_csv([_row(one) for one in found], columns=COLUMNS)
    else:
        _show(found)


class Earned(Struct, frozen=True, kw_only=True):
    """What a task cost, and what the ledger says that it earned."""

    cost: TaskCost
    revenue_micros: int

    @property
    def roi_bp(self) -> int:
        """Above what it cost."""
        return return_bp(cost_micros=self.cost.total_micros, revenue_micros=self.revenue_micros)


async def _cost(reads: PostgresLedger, wanted: str) -> Earned:
    found = await costing.task_cost(reads, await reads.get(Task, wanted))
    earned = await reads.task_revenue(found.campaign_id)
    return Earned(cost=found, revenue_micros=earned.get(found.task_id, 0))


async def _costs(reads: PostgresLedger, wanted: str, *, after: str, limit: int) -> tuple[Earned, ...]:
    await reads.get(Campaign, wanted)
    earned = await reads.task_revenue(wanted)
    found = await costing.task_costs(reads, wanted, after=after, limit=limit)
    return tuple(Earned(cost=one, revenue_micros=earned.get(one.task_id, 0)) for one in found)


def _whole(one: Earned) -> dict[str, Any]:
    return {**msgspec.to_builtins(one.cost), "revenue_micros": one.revenue_micros, "roi_bp": one.roi_bp}


def _row(one: Earned) -> dict[str, Any]:
    parts = "; ".join(f"{name} {micros}" for name, micros in sorted(one.cost.categories.items()))
    return {("categories_micros" if name == "categories" else name): value
            for name, value in (_whole(one) | {"categories": parts}).items()}  # fmt: skip


def _show(found: tuple[Earned, ...]) -> None:
    output.table(
        ("task", "type", "state", "attempts", "models", "paid", "in all", "revenue", "return"),
        [
            (one.cost.task_id, one.cost.task_type, one.cost.state, str(one.cost.attempts),
             format_micros(one.cost.model_micros), format_micros(one.cost.paid_micros),
             format_micros(one.cost.total_micros), format_micros(one.revenue_micros),
             f"{one.roi_bp / 100:.0f} %" if one.revenue_micros else "")
            for one in found
        ],
    )  # fmt: skip
