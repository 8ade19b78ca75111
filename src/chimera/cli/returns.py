"""`chimera spend costs`: cost, revenue and return of campaigns and of what they made, by the ledger's rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.cli import output, stopping
from chimera.cli.books import Json, with_ledger, write_csv
from chimera.domain import scopes
from chimera.domain.money import format_micros
from chimera.ports.ledger import Outcome, TypeCost

COLUMNS = ("campaign", "cost_micros", "revenue_micros", "roi_bp", "tasks_done", "cost_per_task_micros")


def costs(*, as_csv: Annotated[bool, typer.Option("--csv")] = False, as_json: Json = False) -> None:
    """Cost by campaign and category, cost per task, return on what was spent: from the ledger's rows alone."""
    result = stopping.run(with_ledger(lambda reads, _: _costs(reads), at="costs"))
    if as_json:
        output.answer(result)
    elif as_csv:
        write_csv(flat(result["campaigns"]), columns=COLUMNS)
    else:
        output.table(
            ("campaign", "cost", "revenue", "return", "tasks", "a task", "by category"),
            [
                (
                    one["campaign"],
                    format_micros(one["cost_micros"]),
                    format_micros(one["revenue_micros"]),
                    f"{one['roi_bp'] / 100:.0f} %",
                    str(one["tasks_done"]),
                    format_micros(one["cost_per_task_micros"]),
                    ", ".join(f"{name} {format_micros(micros)}" for name, micros in one["categories"].items()),
                )
                for one in result["campaigns"]
            ],
        )


def flat(campaigns: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A row for each campaign, in which every figure has a column of its own and a unit in its name."""
    categories = sorted({name for one in campaigns for name in one["categories"]})
    assets = sorted({name for one in campaigns for name in one["assets"]})
    return [
        {name: one[name] for name in COLUMNS}
        | {f"{name}_micros": one["categories"].get(name, 0) for name in categories}
        | {f"{name}_{what}": one["assets"].get(name, {}).get(what, 0)
           for name in assets for what in ("count", "per_asset_micros")}
        for one in campaigns
    ]  # fmt: skip


async def _costs(reads: PostgresLedger) -> dict[str, Any]:
    costs = await reads.costs()
    by_owner: dict[str, dict[str, int]] = {}
    for one in costs:
        by_owner.setdefault(one.owner, {})[one.category] = one.micros
    by_campaign: dict[str, list[TypeCost]] = {}
    for one in await reads.task_costs():
        by_campaign.setdefault(one.campaign_id, []).append(one)
    campaigns = [
        _return_of(one, by_campaign.get(one.campaign_id, []), by_owner.get(scopes.campaign(one.campaign_id), {}))
        for one in await reads.outcomes()
    ]
    return {"campaigns": campaigns, "categories": [msgspec.to_builtins(one) for one in costs]}


def _return_of(outcome: Outcome, types: Sequence[TypeCost], categories: dict[str, int]) -> dict[str, Any]:
    tasks = sum(one.tasks for one in types)
    # Metered cost is the campaign's: every finished task bears the same share of it.
    share_micros = categories.get("model", 0) // tasks if tasks else 0
    return {
        "campaign": outcome.campaign_id,
        "cost_micros": outcome.cost_micros,
        "revenue_micros": outcome.revenue_micros,
        "roi_bp": return_bp(cost_micros=outcome.cost_micros, revenue_micros=outcome.revenue_micros),
        "tasks_done": tasks,
        "cost_per_task_micros": outcome.cost_micros // tasks if tasks else 0,
        "categories": categories,
        "assets": {one.task_type: _asset_of(one, share_micros) for one in types},
    }


def return_bp(*, cost_micros: int, revenue_micros: int) -> int:
    """What came back of what was spent, above it; 0 where nothing was spent."""
    return (revenue_micros - cost_micros) * 10_000 // cost_micros if cost_micros > 0 else 0


def _asset_of(cost: TypeCost, share_micros: int) -> dict[str, int]:
    """One class of assets: how many, what was paid for them, what one cost with its share of the models' cost."""
    return {"count": cost.tasks, "direct_micros": cost.direct_micros, "model_share_micros": share_micros,
            "per_asset_micros": cost.direct_micros // cost.tasks + share_micros}  # fmt: skip
