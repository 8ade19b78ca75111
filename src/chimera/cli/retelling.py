"""`chimera spec trace` and `chimera replay`: the whole life of a task, told from what is on record, and run again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.api import history
from chimera.api.history import EventLine
from chimera.api.imitations import Imitation, Imitations, told_instead
from chimera.assembly import people
from chimera.assembly.people import Office
from chimera.assembly.rules import read_rules
from chimera.cli import output, stopping
from chimera.cli.story import every_event, line_of
from chimera.domain import ids, refusals
from chimera.domain.attempt import Attempt, in_turn
from chimera.domain.event import Event
from chimera.domain.grant import Performance, Seal
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.domain.verbs import FLEET
from chimera.governance.decoys import Decoys
from chimera.governance.policy.changes import versions
from chimera.governance.policy.pack import PolicyPack, pack_of
from chimera.ports.store import Reads
from chimera.settings import read_settings
from chimera.skills.registry import SKILLS
from chimera.swarm.replay import Difference, Replay

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
TaskId = Annotated[str, typer.Argument(help="The task's id.")]


def trace(task: TaskId, *, as_json: Json = False) -> None:
    """Everything that is on record about one task, with the contract that it was made under."""
    task_id = ids.parse(task, where="task")
    story = stopping.run(_looked_at(task_id))
    if as_json:
        output.answer(story)
    else:
        _tell(story)


async def _looked_at(task_id: str) -> dict[str, Any]:
    """The story, once it is on record who reads it: strangers' words stand in it."""
    async with bootstrap.running_or_own_database(read_settings()) as found:
        reads, store = await found.reads(), await found.free_store("cli")
        try:
            office = await people.office_of(read_settings(), store)
            story = await _story(reads, task_id, office)
            await people.look(office, at="tasks", record=task_id)
        finally:
            await reads.close()
            await store.close()
    return story


async def _story(reads: Reads, task_id: str, office: Office) -> dict[str, Any]:
    known = await reads.find(Task, task_id)
    life = None if known else await Imitations(reads=reads, decoys=Decoys(store=office.store)).of_task(task_id)
    task = known or (life.task if life else None)
    if task is None:
        raise refusals.unknown("task", task_id)
    attempts = life.attempts if life else in_turn(await reads.list(Attempt, scope=task_id))
    return {
        "task": msgspec.to_builtins(task),
        "spec": {"name": task.spec.name, "version": task.spec.version, "digest": task.spec.digest},
        "attempts": [msgspec.to_builtins(one) for one in attempts],
        "reviews": [msgspec.to_builtins(one) for one in await reads.list(Review, scope=task_id)],
        "seal": msgspec.to_builtins(await reads.find(Seal, task.grant_id)) if task.grant_id else None,
        "performances": [msgspec.to_builtins(one) for one in await reads.list(Performance, scope=task_id)],
        "events": await _events_of(reads, task, life, office),
    }  # fmt: skip


async def _events_of(reads: Reads, task: Task, life: Imitation | None, office: Office) -> list[dict[str, Any]]:
    """Everything about it, oldest first. Where it stands in the chains is for whoever may read those."""
    found = [line async for line in _lines_of(reads, task, life)]
    if not office.desk.may(office.principal, "audit.look", FLEET):
        found = [msgspec.structs.replace(line, chain="", sequence=0) for line in found]
    shown = ("chain", "sequence", "kind", "subject", "at_us", "data")
    return [{name: getattr(line, name) for name in shown} for line in sorted(found, key=lambda line: line.at_us)]


async def _lines_of(reads: Reads, task: Task, life: Imitation | None) -> AsyncGenerator[EventLine]:
    async for link, happened in every_event(reads):
        if _is_about(happened, task):
            event = await told_instead(reads, happened)
            if event is not None:
                yield history.line_of(link, event)
        elif life is not None and happened.subject == life.like:
            told = life.told_anew(history.line_of(link))
            if told is not None:
                yield told


def _is_about(event: Event, task: Task) -> bool:
    return event.subject in (task.id, task.input_id) or event.data.get("task") == task.id


def _tell(story: dict[str, Any]) -> None:
    spec = story["spec"]
    output.tell(f"task {story['task']['id']}: {story['task']['state']}, by {spec['name']}@{spec['version']}")
    zone = read_settings().zone
    for row in story["events"]:
        event = msgspec.convert({name: row[name] for name in ("kind", "subject", "at_us", "data")}, Event)
        output.tell(f"  {line_of(event, zone=zone, name=row['chain'])}")


def replay(
    task: Annotated[str | None, typer.Argument(help="The task's id; none with --all.")] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Every attempt on record, one after the other.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recorded task again from its recorded answers. Exit 1 with the first difference."""
    if (task is not None) is everything:
        raise typer.BadParameter("name one task, or say --all")
    task_id = None if task is None else ids.parse(task, where="task")
    found = stopping.run(_again(task_id))
    if as_json:
        difference = msgspec.to_builtins(found.difference) if found.difference else None
        output.answer({"task": found.task_id, "attempts": found.attempts, "same": difference is None,
                       "difference": difference})  # fmt: skip
    elif found.difference is None:
        output.tell(f"{found.attempts} attempts: the same bytes, verdicts and reasons")
    else:
        first = found.difference
        output.tell(f"task {found.task_id}: {first.stage}, at {first.where}: "
                    f"recorded {first.recorded!r}, replayed {first.replayed!r}")  # fmt: skip
    if found.difference is not None:
        raise typer.Exit(1)


class _Again(Struct, frozen=True, kw_only=True):
    """How many attempts were run again, and the first that came out otherwise."""

    attempts: int
    task_id: str = ""
    difference: Difference | None = None


async def _pack_of(reads: Reads, digest: str) -> PolicyPack | None:
    """The policy of this digest, if it is on record; else the one that is shipped."""
    found = [one for one in await versions(reads) if one.digest == digest]
    return pack_of(found[0].files) if found else None


async def _again(task_id: str | None) -> _Again:
    async with (
        bootstrap.running_or_own_database(read_settings()) as found,
        bootstrap.closing(await found.reads()) as reads,
    ):
        return await _replayed(reads, task_id)


async def _replayed(reads: Reads, task_id: str | None) -> _Again:
    if task_id is not None:
        await reads.get(Task, task_id)
    packs: dict[str, Replay] = {}
    attempts, after = 0, ""
    while page := await reads.list(Attempt, scope=task_id, after=after):
        for attempt in page:
            digest = attempt.ruling.policy_digest if attempt.ruling else ""
            if digest not in packs:
                packs[digest] = _replay_under(await _pack_of(reads, digest))
            attempts += 1
            if found := await packs[digest].run(attempt):
                return _Again(attempts=attempts, task_id=attempt.scope, difference=found)
        after = page[-1].id
        if task_id is None:
            output.note(f"{attempts} attempts so far, all the same")
    return _Again(attempts=attempts, task_id=task_id or "")


def _replay_under(pack: PolicyPack | None) -> Replay:
    written = read_rules(pack)
    return Replay(contracts=written.contracts, gate=written.gate, skills=SKILLS, prompts=written.prompts,
                  clock=SystemClock())  # fmt: skip
