"""`chimera task …`: tasks that were given up, and trying one of them anew. Decides nothing about what they would do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from chimera.adapters.documents.governance import load_permits
from chimera.cli import output, stopping
from chimera.cli.doors import Office, doors_of
from chimera.domain import ids
from chimera.domain.task import Task
from chimera.pipeline.redriving import Redriven, Redriving

app = typer.Typer(name="task", help="Tasks that failed: list them, try one anew.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")


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
    task: Annotated[str, typer.Argument(help="The failed task's id.")],
    *,
    reason: Annotated[str, typer.Option(help="Why it should go better now, for the record.")] = "tried anew by hand",
    as_json: Json = False,
) -> None:
    """Try a failed task anew, with what was dropped because of it: under today's policy, limits and budget."""
    task_id = ids.parse(task, where="task")

    def act(office: Office) -> Awaitable[Redriven]:
        return _redriving(office).redrive(task_id, by=office.principal, why=reason)

    redriven = _with_office(context, act)
    if as_json:
        output.answer({"from": task_id, "task": redriven.task.id,
                       "followers": [one.id for one in redriven.followers]})  # fmt: skip
    else:
        output.tell(f"{redriven.task.id} is tried in its place; {len(redriven.followers)} tasks wait for it again")


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
