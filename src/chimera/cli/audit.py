"""`chimera audit …`: does history verify? `chimera spec trace` and `chimera replay`: one task's whole life."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from msgspec import Struct

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.api import history
from chimera.api.history import EventLine
from chimera.api.imitations import Imitation, Imitations, told_instead
from chimera.assembly import people, vaults
from chimera.assembly.orchestrating import retaining
from chimera.assembly.people import Office
from chimera.assembly.rules import read_rules
from chimera.cli import output, stopping
from chimera.cli.inputs import cannot_read
from chimera.cli.persons import permitted
from chimera.cli.story import every_event, line_of
from chimera.domain import ids, refusals
from chimera.domain.attempt import Attempt, in_turn
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.event import Event, EventKind, Link
from chimera.domain.grant import Performance, Seal
from chimera.domain.retention import Week
from chimera.domain.review import Review
from chimera.domain.task import Task
from chimera.domain.verbs import FLEET
from chimera.governance import audit, verify_bundle
from chimera.governance.bundles import bundle_lines
from chimera.governance.checkpoints import latest
from chimera.governance.decoys import Decoys
from chimera.governance.policy.changes import versions
from chimera.governance.policy.pack import PolicyPack, pack_of
from chimera.ports.store import Reads
from chimera.settings import Settings, read_settings
from chimera.skills.registry import SKILLS
from chimera.swarm.replay import Difference, Replay

app = typer.Typer(name="audit", help="History: does it verify, and what does it say?", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")
KEY_BYTES = 32
TaskId = Annotated[str, typer.Argument(help="The task's id.")]


@app.command()
def verify(
    *,
    bundle: Annotated[Path | None, typer.Option(help="Verify this exported file instead; needs no database.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="A public key that you trust, in hex or as a file.")] = None,
    at_least: Annotated[int, typer.Option(help="The number of the latest checkpoint that you know of.")] = 0,
    as_json: Json = False,
) -> None:
    """Read every chain from its beginning. Exit 1 if anything was changed, removed, added or reordered; say what."""
    if bundle is not None:
        return _verify_bundle(bundle, [_key(one) for one in key or ()], at_least, as_json=as_json)
    settings = read_settings()
    keys, signed_last = vaults.checkpoint_keys(settings), vaults.signed_last(settings)
    report = stopping.run(
        _with_reads(lambda reads: audit.verify_history(reads, keys=keys or None, signed_last=signed_last))
    )
    flaws = [{"chain": flaw.writer, "sequence": flaw.seq, "differs": flaw.what} for flaw in report.flaws]
    if as_json:
        output.answer({"verified": report.verified, "chains": report.chains, "events": report.events, "flaws": flaws,
                       "checkpoints": report.checkpoints, "events_signed": report.events_signed})  # fmt: skip
    elif report.verified:
        output.tell(f"verified: {report.events} events in {report.chains} chains, {report.events_signed} of them under "
                    f"{report.checkpoints} checkpoints")  # fmt: skip
    else:
        for flaw in report.flaws:
            output.tell(str(flaw))
    if not report.verified:
        raise typer.Exit(1)


def _verify_bundle(path: Path, keys: list[str], at_least: int, *, as_json: bool) -> None:
    try:
        found = verify_bundle.verify_file(str(path), keys=keys, at_least=at_least)
    except OSError as error:
        raise Missing(
            "file_unreadable", cannot_read(error), where=str(path), remedy="give the exported file"
        ) from error
    except (verify_bundle.Malformed, ValueError) as error:
        raise Invalid("bundle_malformed", str(error), where=str(path), remedy="export it again") from error
    if as_json:
        output.answer(found)
    else:
        _tell_bundle(found)
    if not found["verified"]:
        raise typer.Exit(1)


def _tell_bundle(found: dict[str, Any]) -> None:
    for flaw in found["flaws"]:
        output.tell(f"chain {flaw['chain']}, sequence {flaw['sequence']}: {flaw['differs']}")
    if found["verified"]:
        output.tell(f"verified: {found['events']} events in {found['chains']} chains, {found['events_signed']} of them "
                    f"under {found['checkpoints']} checkpoints")  # fmt: skip
    if not found["keys_trusted"]:
        output.note(f"signed by {', '.join(found['keys']) or 'nobody'}: the bundle's own word; give --key to be sure")


def _key(given: str) -> str:
    """A public key in hex, or the file that holds it."""
    text = Path(given).read_text(encoding="utf-8").strip() if Path(given).is_file() else given
    try:
        if len(bytes.fromhex(text)) == KEY_BYTES:
            return text
    except ValueError:
        pass
    raise Invalid("public_key_malformed", f"{given[:80]!r} is not a public key", where="--key",
                  remedy="give 64 hex digits, or the file that the vault published")  # fmt: skip


@app.command()
def retain(*, as_json: Json = False) -> None:
    """Drop the weeks of records that are older than CHIMERA_RETENTION_DAYS, behind a signed checkpoint. Events stay."""
    weeks = stopping.run(_retain(read_settings()))
    gone = [week for week in weeks if not week.kept_for]
    if as_json:
        output.answer({"dropped": len(gone), "weeks": [msgspec.to_builtins(week) for week in weeks]})
        return
    for week in weeks:
        output.tell(f"{week.week}: {week.records} records, {f'kept: {week.kept_for}' if week.kept_for else 'dropped'}")
    output.tell(f"{len(gone)} weeks are gone")


async def _retain(settings: Settings) -> tuple[Week, ...]:
    async with bootstrap.running_or_own_database(settings) as found:
        await permitted(found, "system.change")
        store = await found.free_store("cli")
        try:
            return await retaining(settings, store, found.weeks()).drop()
        finally:
            await store.close()


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to write it; never overwritten.")],
    *,
    as_json: Json = False,
) -> None:
    """Write the whole of history into one file that an auditor verifies without us."""
    written = stopping.run(_exported(file))
    if as_json:
        output.answer({"file": str(file), **written})
    else:
        output.tell(f"{file}: {written['lines']} lines, {written['bytes']} bytes, sha256 {written['sha256']}")
        output.note("verify it anywhere: chimera audit verify --bundle FILE --key KEY, or governance/verify_bundle.py")


async def _exported(file: Path) -> dict[str, Any]:
    """The file, once it is on record who takes history out of the house."""
    async with bootstrap.running_or_own_database(read_settings()) as found:
        await permitted(found, "audit.look", at="audit/export")
        reads = await found.reads()
        try:
            return await _export(reads, file)
        finally:
            await reads.close()


async def _export(reads: Reads, file: Path) -> dict[str, Any]:
    lines, size, digest = 0, 0, hashlib.sha256()
    try:
        with file.open("xb") as out:
            async for line in bundle_lines(reads, keys=vaults.checkpoint_keys(read_settings())):
                out.write(line)
                digest.update(line)
                lines, size = lines + 1, size + len(line)
    except OSError as error:
        raise Conflict("file_not_written", f"it cannot be written: {error.strerror}", where=str(file),
                       remedy="name a file that does not exist, in a folder that does") from error  # fmt: skip
    return {"lines": lines, "bytes": size, "sha256": digest.hexdigest()}


@app.command()
def show(
    *,
    chain: Annotated[str, typer.Option(help="Only this writer's.")] = "",
    kind: Annotated[str, typer.Option(help="Only events of this kind.")] = "",
    subject: Annotated[str, typer.Option(help="Only what is about this id.")] = "",
    last: Annotated[int, typer.Option(help="At most so many, the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """Where every chain and checkpoint stands, and the newest events."""
    if kind and kind.upper() not in EventKind.__members__:
        raise Invalid("event_kind_unknown", f"{kind[:60]!r} is no kind of event", where="--kind",
                      remedy="docs/reference/events.md lists them")  # fmt: skip
    shown = stopping.run(_looked_through(Filter(chain, kind.upper(), subject), last))
    if as_json:
        output.answer(shown)
        return
    output.table(
        ("chain", "events", "epoch", "hash"),
        [(row["chain"], str(row["events"]), str(row["epoch"]), row["hash"][:16]) for row in shown["chains"]],
    )
    newest = shown["checkpoint"]
    output.tell(
        f"checkpoint {newest['number']}, signed by {newest['key']}" if newest else "no checkpoint is signed yet"
    )
    zone = read_settings().zone
    for row in shown["events"]:
        event = msgspec.convert({name: row[name] for name in ("kind", "subject", "at_us", "data")}, Event)
        output.tell(f"  {row['chain']} {row['sequence']}  {line_of(event, zone=zone)}")


class Filter(msgspec.Struct, frozen=True):
    """Which events are asked for."""

    chain: str
    kind: str
    subject: str

    def lets(self, link: Link, event: Event) -> bool:
        """Whether an event is one of them."""
        wanted = ((self.chain, link.writer), (self.kind, str(event.kind)), (self.subject, event.subject))
        return all(asked in ("", found) for asked, found in wanted)


async def _looked_through(wanted: Filter, last: int) -> dict[str, Any]:
    """The chains, once it is on record who reads them: also what is planted among reviews stands there."""
    async with bootstrap.running_or_own_database(read_settings()) as found:
        await permitted(found, "audit.look", at="audit/show")
        reads = await found.reads()
        try:
            return await _shown(reads, wanted, last)
        finally:
            await reads.close()


async def _shown(reads: Reads, wanted: Filter, last: int) -> dict[str, Any]:
    newest = await latest(reads)
    found: deque[tuple[Link, Event]] = deque(maxlen=max(0, last))
    everything = [pair async for pair in every_event(reads) if wanted.lets(*pair)]
    found.extend(sorted(everything, key=lambda pair: pair[1].at_us))
    return {
        "chains": [{"chain": head.writer, "events": head.seq, "epoch": head.epoch, "hash": head.hash.hex()}
                   for head in await reads.heads()],
        "checkpoint": {"number": newest.statement.number, "root": newest.statement.root, "key": newest.key_id,
                       "at_us": newest.statement.at_us} if newest else None,
        "matching": len(everything),
        "events": [{"chain": link.writer, "sequence": link.seq, **msgspec.to_builtins(event)} for link, event in found],
    }  # fmt: skip


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
    found = stopping.run(_with_reads(lambda reads: _replayed(reads, task_id)))
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
