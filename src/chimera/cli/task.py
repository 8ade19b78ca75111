"""`chimera task …`: tasks that were given up, and trying them anew. Decides nothing about what they would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

import typer

from chimera.adapters.documents.governance import load_permits
from chimera.cli import output, stopping
from chimera.cli.doors import Office, doors_of
from chimera.domain import ids
from chimera.domain.errors import Invalid
from chimera.domain.task import Task
from chimera.pipeline.redriving import Redriven, Redriving, Summary

app = typer.Typer(name="task", help="Tasks that failed: list them, try them anew.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")
LIMIT = 1_000


@app.command()
def dead(context: typer.Context, *, as_json: Json = False) -> None:
    """Tasks that were given up and are not tried anew, with the reason. Exit 0 whether there are any or not."""
    found = _with_office(context, lambda office: _redriving(office).dead())
    if as_json:
        output.answer({"tasks": [_told(task) for task in found]})
    elif found:
        rows = [(task.id, str(task.spec.name), str(task.attempt), task.reason) for task in found]
        output.table(("task", "type", "tries", "reason"), rows)
    else:
        output.tell("no task was given up")


@app.command()
def redrive(
    context: typer.Context,
    tasks: Annotated[list[str] | None, typer.Argument(help="The failed tasks' ids.")] = None,
    *,
    all_of: Annotated[bool, typer.Option("--all", help="All that failed, of --type or --campaign or both.")] = False,
    task_type: Annotated[str, typer.Option("--type", help="With --all: of this task type.")] = "",
    campaign: Annotated[str, typer.Option(help="With --all: of this campaign.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="With --all: try no more than these, oldest first.")] = LIMIT,
    reason: Annotated[str, typer.Option(help="Why it should go better now, for the record.")] = "tried anew by hand",
    as_json: Json = False,
) -> None:
    """Try failed tasks anew, with what was dropped because of them: under today's policy, limits and budget."""
    named = [ids.parse(one, where="task") for one in tasks or ()]
    campaign_id = ids.parse(campaign, where="--campaign") if campaign else ""
    _require_either(named, all_of=all_of, narrowed=bool(task_type or campaign))
    if len(named) == 1:
        _redrive_one(context, named[0], reason, as_json=as_json)
        return

    async def act(office: Office) -> Summary:
        redriving = _redriving(office)
        meant = named or [one.id for one in await redriving.dead(task_type=task_type, campaign_id=campaign_id)]
        most = limit if all_of else len(named)
        return await redriving.redrive_each(meant, by=office.principal, why=reason, most=most)

    _tell_summary(_with_office(context, act), as_json=as_json)


def _require_either(named: Sequence[str], *, all_of: bool, narrowed: bool) -> None:
    """Ids or --all, and --all of something: a fleet's whole past is not begun anew by a slip."""
    if bool(named) == all_of or narrowed != all_of:
        raise Invalid("redrive_of_what", "give ids, or --all with --type or --campaign", where="task",
                      remedy="chimera task dead lists what failed")  # fmt: skip


def _redrive_one(context: typer.Context, task_id: str, reason: str, *, as_json: bool) -> None:
    def act(office: Office) -> Awaitable[Redriven]:
        return _redriving(office).redrive(task_id, by=office.principal, why=reason)

    redriven = _with_office(context, act)
    if as_json:
        output.answer(_tried(task_id, redriven))
    else:
        output.tell(f"{redriven.task.id} is tried in its place; {len(redriven.followers)} tasks wait for it again")


def _tell_summary(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        output.answer({
            "redriven": [_tried(*one) for one in summary.redriven],
            "refused": [{"task": one.task_id, "code": one.code, "why": one.why} for one in summary.declined],
            "left": summary.left_count,
        })  # fmt: skip
    else:
        rows = [(task_id, f"tried as {one.task.id}") for task_id, one in summary.redriven]
        rows.extend((one.task_id, f"{one.code}: {one.why}") for one in summary.declined)
        if rows:
            output.table(("task", "came of it"), rows)
        counts = Counter(one.code for one in summary.declined)
        why = "".join(f", {many} {code}" for code, many in sorted(counts.items()))
        output.tell(f"{len(summary.redriven)} tried anew, {len(summary.declined)} refused{why}, "
                    f"{summary.left_count} left")  # fmt: skip
    if summary.declined:
        raise typer.Exit(1)


def _tried(task_id: str, redriven: Redriven) -> dict[str, object]:
    return {"from": task_id, "task": redriven.task.id, "followers": [one.id for one in redriven.followers]}


def _redriving(office: Office) -> Redriving:
    return Redriving(store=office.store, permits=load_permits())


def _with_office(context: typer.Context, act: Callable[[Office], Awaitable[T]]) -> T:
    async def inside() -> T:
        async with doors_of(context).office() as office:
            return await act(office)

    return stopping.run(inside())


def _told(task: Task) -> dict[str, object]:
    return {"task": task.id, "campaign": task.campaign_id, "agent": task.agent_id, "spec": str(task.spec),
            "tries": task.attempt, "reason": task.reason}  # fmt: skip
