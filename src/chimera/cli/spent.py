"""`chimera spend task` and `chimera spend tasks`: what single tasks, and so the things that they made, cost."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from chimera.cli import output, stopping
from chimera.cli.money import SHOWN_MAX, Json, with_ledger, write_csv
from chimera.domain import ids
from chimera.domain.campaign import Campaign
from chimera.domain.costing import TaskCost
from chimera.domain.money import format_micros
from chimera.domain.task import Task
from chimera.governance import costing
from chimera.ports.store import Reads


def task(
    identifier: Annotated[str, typer.Argument(help="The id of a task.")],
    *,
    as_json: Json = False,
) -> None:
    """What one task cost, and so what it made: models, and what was paid by category."""
    wanted = ids.parse(identifier, where="id")
    found = stopping.run(with_ledger(lambda reads, _: _cost(reads, wanted)))
    if as_json:
        output.answer(msgspec.to_builtins(found))
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
    found = stopping.run(with_ledger(lambda reads, _: _costs(reads, wanted, after=after, limit=limit)))
    if as_json:
        output.answer({"tasks": [msgspec.to_builtins(one) for one in found]})
    elif as_csv:
        write_csv([_row(one) for one in found])
    else:
        _show(found)


async def _cost(reads: Reads, wanted: str) -> TaskCost:
    return await costing.task_cost(reads, await reads.get(Task, wanted))


async def _costs(reads: Reads, wanted: str, *, after: str, limit: int) -> tuple[TaskCost, ...]:
    await reads.get(Campaign, wanted)
    return await costing.task_costs(reads, wanted, after=after, limit=limit)


def _row(one: TaskCost) -> dict[str, Any]:
    shown = msgspec.to_builtins(one)
    shown["categories"] = "; ".join(f"{name} {micros}" for name, micros in sorted(one.categories.items()))
    return shown


def _show(found: tuple[TaskCost, ...]) -> None:
    output.table(
        ("task", "type", "state", "attempts", "models", "paid", "in all"),
        [
            (one.task_id, one.task_type, one.state, str(one.attempts), format_micros(one.model_micros),
             format_micros(one.paid_micros), format_micros(one.total_micros))
            for one in found
        ],
    )  # fmt: skip
