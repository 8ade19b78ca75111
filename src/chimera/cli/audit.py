"""`chimera audit …`: does history verify, and what does it say? Exports it for others, and drops what is too old."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec.structs import replace

from chimera import bootstrap
from chimera.assembly import vaults
from chimera.assembly.orchestrating import retaining
from chimera.cli import output, stopping
from chimera.cli.inputs import cannot_read
from chimera.cli.persons import permitted
from chimera.cli.story import every_event, line_of
from chimera.domain.errors import Conflict, Invalid, Missing
from chimera.domain.event import Event, EventKind, Link
from chimera.governance import audit, verify_bundle
from chimera.governance.bundles import bundle_lines
from chimera.governance.checkpoints import latest
from chimera.ports.store import Reads
from chimera.settings import Settings, read_settings
from chimera.swarm.retaining import Dropped

app = typer.Typer(name="audit", help="History: does it verify, and what does it say?", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
KEY_BYTES = 32


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
    report = stopping.run(_verified(settings))
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


async def _verified(settings: Settings) -> audit.AuditReport:
    keys, signed_last = vaults.checkpoint_keys(settings), vaults.signed_last(settings)
    async with (
        bootstrap.running_or_own_database(settings) as found,
        bootstrap.closing(await found.reads()) as reads,
    ):
        return await audit.verify_history(reads, keys=keys or None, signed_last=signed_last)


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
def retain(
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go now; nothing does.")] = False,
    as_json: Json = False,
) -> None:
    """Drop records and media that are older than CHIMERA_RETENTION_DAYS, behind a signed checkpoint. Events stay."""
    found = stopping.run(_retain(read_settings(), is_trial=dry_run))
    gone = [week for week in found.weeks if not week.kept_for]
    if as_json:
        output.answer({"dry_run": dry_run, "dropped": 0 if dry_run else len(gone), "would_drop": len(gone),
                       "weeks": [msgspec.to_builtins(week) for week in found.weeks], "windows": found.windows,
                       "media": list(found.media), "kept_for": found.kept_for})  # fmt: skip
        return
    goes = "would go" if dry_run else "dropped"
    for week in found.weeks:
        output.tell(f"{week.week}: {week.records} records, {f'kept: {week.kept_for}' if week.kept_for else goes}")
    for digest in found.media:
        output.tell(f"{digest}: a picture or film, {goes}")
    if found.kept_for:
        output.tell(f"all records are kept: {found.kept_for}")
    output.tell(f"{len(gone)} weeks, {found.windows} budget windows and {len(found.media)} media "
                f"{'would go' if dry_run else 'are gone'}")  # fmt: skip


async def _retain(settings: Settings, *, is_trial: bool) -> Dropped:
    async with bootstrap.running_or_own_database(settings) as found:
        await permitted(found, "system.change")
        store = await found.free_store("cli")
        try:
            duty = retaining(settings, store, found.weeks())
            if is_trial:
                return await duty.foreseen()
            return replace(await duty.drop(), media=await duty.drop_media())
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
        async with bootstrap.closing(await found.reads()) as reads:
            return await _export(reads, file)


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
        async with bootstrap.closing(await found.reads()) as reads:
            return await _shown(reads, wanted, last)


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
