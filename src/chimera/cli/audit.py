"""`chimera audit …`: does history verify? `chimera spec trace` and `chimera replay`: one task's whole life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.cli import output, stopping
from chimera.cli.story import every_event, line_of
from chimera.domain import ids
from chimera.domain.attempt import Attempt
from chimera.domain.event import Event, Link
from chimera.domain.grant import Performance, Seal
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.governance import audit
from chimera.governance.policy.changes import versions
from chimera.governance.policy.pack import PolicyPack, pack_of
from chimera.ports.store import Reads
from chimera.settings import read_settings
from chimera.skills.registry import SKILLS
from chimera.swarm.replay import Difference, Replay

app = typer.Typer(name="audit", help="History: does it verify, and what does it say?", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")
TaskId = Annotated[str, typer.Argument(help="The task's id.")]


@app.command()
def verify(*, as_json: Json = False) -> None:
    """Read every chain from its beginning. Exit 1 if anything was changed, removed or reordered, and say what."""
    report = stopping.run(_with_reads(audit.verify_history))
    flaws = [{"chain": flaw.writer, "sequence": flaw.seq, "differs": flaw.what} for flaw in report.flaws]
    if as_json:
        output.answer({"verified": report.verified, "chains": report.chains, "events": report.events, "flaws": flaws})
    elif report.verified:
        output.tell(f"verified: {report.events} events in {report.chains} chains")
    else:
        for flaw in report.flaws:
            output.tell(str(flaw))
    if not report.verified:
        raise typer.Exit(1)


async def _with_reads(act: Callable[[Reads], Awaitable[T]]) -> T:
    async with bootstrap.running_or_own_database(read_settings()) as found:
        reads = await found.reads()
        try:
            return await act(reads)
        finally:
            await reads.close()


# ── one task ────────────────────────────────────────────────────────────────────────────────────────────────────────


def trace(task: TaskId, *, as_json: Json = False) -> None:
    """Everything that is on record about one task, with the contract that it was made under."""
    task_id = ids.parse(task, where="task")
    story = stopping.run(_with_reads(lambda reads: _story(reads, task_id)))
    if as_json:
        output.answer(story)
    else:
        _tell(story)


async def _story(reads: Reads, task_id: str) -> dict[str, Any]:
    task = await reads.get(Task, task_id)
    found: list[tuple[Link, Event]] = [pair async for pair in every_event(reads) if _is_about(pair[1], task)]
    return {
        "task": msgspec.to_builtins(task),
        "spec": {"name": task.spec.name, "version": task.spec.version, "digest": task.spec.digest},
        "attempts": [msgspec.to_builtins(one) for one in await reads.list(Attempt, scope=task_id)],
        "reviews": [msgspec.to_builtins(one) for one in await reads.list(Review, scope=task_id)],
        "seal": msgspec.to_builtins(await reads.find(Seal, task.grant_id)) if task.grant_id else None,
        "performances": [msgspec.to_builtins(one) for one in await reads.list(Performance, scope=task_id)],
        "events": [{"chain": link.writer, "sequence": link.seq, **msgspec.to_builtins(event)}
                   for link, event in sorted(found, key=lambda pair: pair[1].at_us)],
    }  # fmt: skip


def _is_about(event: Event, task: Task) -> bool:
    return event.subject in (task.id, task.input_id) or event.data.get("task") == task.id


def _tell(story: dict[str, Any]) -> None:
    spec = story["spec"]
    output.tell(f"task {story['task']['id']}: {story['task']['state']}, by {spec['name']}@{spec['version']}")
    zone = read_settings().zone
    for row in story["events"]:
        event = msgspec.convert({name: row[name] for name in ("kind", "subject", "at_us", "data")}, Event)
        output.tell(f"  {line_of(event, zone=zone, name=row['chain'])}")


def replay(task: TaskId, *, as_json: Json = False) -> None:
    """Run a recorded task again from its recorded answers. Exit 1 with the first difference."""
    task_id = ids.parse(task, where="task")
    replayed, found = stopping.run(_with_reads(lambda reads: _replayed(reads, task_id)))
    if as_json:
        output.answer({"task": task, "attempts": replayed, "same": found is None,
                       "difference": msgspec.to_builtins(found) if found else None})  # fmt: skip
    elif found is None:
        output.tell(f"{replayed} attempts: the same bytes, verdicts and reasons")
    else:
        output.tell(f"{found.stage}, at {found.where}: recorded {found.recorded!r}, replayed {found.replayed!r}")
    if found is not None:
        raise typer.Exit(1)


async def _pack_of(reads: Reads, attempt: Attempt) -> PolicyPack | None:
    """The policy that the attempt was ruled under, if it is on record; else the one that is shipped."""
    digest = attempt.ruling.policy_digest if attempt.ruling else ""
    found = [one for one in await versions(reads) if one.digest == digest]
    return pack_of(found[0].files) if found else None


async def _replayed(reads: Reads, task_id: str) -> tuple[int, Difference | None]:
    await reads.get(Task, task_id)
    attempts = await reads.list(Attempt, scope=task_id)
    for attempt in attempts:
        written = bootstrap.rules(await _pack_of(reads, attempt))
        again = Replay(contracts=written.contracts, gate=written.gate, skills=SKILLS, prompts=written.prompts,
                       clock=SystemClock())  # fmt: skip
        found = await again.run(attempt)
        if found:
            return len(attempts), found
    return len(attempts), None
