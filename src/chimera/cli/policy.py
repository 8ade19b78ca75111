"""`chimera policy …`: the fleet's rules as people see them: check, try, compare, apply. Rules are the engine's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera.adapters.documents.governance import DEFAULT_PACK, load_files
from chimera.adapters.system.clock import SystemClock
from chimera.cli import output, stopping
from chimera.cli.doors import OpenStore, doors_of
from chimera.domain.confidence import Bands
from chimera.domain.decision import Approver
from chimera.domain.errors import Invalid
from chimera.domain.money import format_micros
from chimera.domain.policy import PackFiles, Policy
from chimera.domain.verbs import FLEET
from chimera.governance.policy import lint as linting
from chimera.governance.policy.cases import run_cases, uncovered
from chimera.governance.policy.changes import Policies, in_force, versions
from chimera.governance.policy.comparing import Comparison, compared
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.learning.replaying import Replayed, replayed
from chimera.ports.store import Reads
from chimera.settings import read_settings

app = typer.Typer(name="policy", help="The fleet's rules: check, try, compare, apply, back-test.", no_args_is_help=True)
T = TypeVar("T")
SHIPPED, IN_FORCE = "shipped", "in-force"
SHOWN_MAX = 12
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Pack = Annotated[str, typer.Argument(help="A pack's folder, a version's number, in-force, or shipped.")]
Number = Annotated[int, typer.Argument(help="The version's number, as `chimera policy list` shows it.")]


@app.command()
def lint(context: typer.Context, pack: Pack = SHIPPED, *, as_json: Json = False) -> None:
    """Check a pack: its form, the rules of the house, what never fires. Exit 1 if it cannot be applied."""
    engine = PolicyEngine(pack_of(_files(context, pack)))
    found = linting.lint(engine)
    ok = not linting.errors(found)
    if as_json:
        output.answer({"ok": ok, "digest": engine.digest, "rules": len(engine.pack.rules),
                       "complaints": msgspec.to_builtins(found)})  # fmt: skip
    else:
        for one in found:
            output.tell(f"{one.level}: {one.rule}: {one.says} ({one.remedy})")
        output.tell(f"{_title(engine)}: {len(engine.pack.rules)} rules, {'sound' if ok else 'not to be applied'}")
    if not ok:
        raise typer.Exit(1)


@app.command()
def test(context: typer.Context, pack: Pack = SHIPPED, *, as_json: Json = False) -> None:
    """Run a pack's cases. Exit 1 if one fails."""
    files = _files(context, pack)
    engine = PolicyEngine(pack_of(files))
    results = run_cases(engine, files.cases)
    failed = [one for one in results if one.differs]
    idle = uncovered(engine, results)
    if as_json:
        output.answer({"ok": not failed, "digest": engine.digest, "cases": len(results), "failed": len(failed),
                       "uncovered": idle, "results": msgspec.to_builtins(results)})  # fmt: skip
    else:
        for one in failed:
            output.tell(f"failed: {one.name}: {one.differs}")
        output.tell(f"{_title(engine)}: {len(results)} cases, {len(failed)} failed"
                    + (f"; no case for {', '.join(idle)}" if idle else ""))  # fmt: skip
    if failed:
        raise typer.Exit(1)


@app.command()
def diff(
    context: typer.Context,
    new: Pack,
    *,
    against: Annotated[str, typer.Option(help="What to compare with: as NEW.")] = IN_FORCE,
    as_json: Json = False,
) -> None:
    """Compare two packs: rules, bands, and what would be answered otherwise. Exit 1 if they differ."""
    before, after = (PolicyEngine(pack_of(_files(context, one))) for one in (against, new))
    found = compared(before, after)
    if as_json:
        output.answer({**msgspec.to_builtins(found), "answers_changed": len(found.answers)})
    else:
        _tell_diff(before, after, found)
    if not found.same:
        raise typer.Exit(1)


def _tell_diff(before: PolicyEngine, after: PolicyEngine, found: Comparison) -> None:
    output.tell(f"{_title(before)} → {_title(after)}")
    for what, names in msgspec.structs.asdict(found.rules).items():
        if names:
            output.tell(f"  rules {what}: {', '.join(names)}")
    for name, was, is_now in _bands_changed(before.pack.bands, after.pack.bands):
        output.tell(f"  {name}: {was} → {is_now}")
    for one in found.answers[:SHOWN_MAX]:
        output.tell(f"  {one.about}: {one.before} [{', '.join(one.rules_before)}] → "
                    f"{one.after} [{', '.join(one.rules_after)}]")  # fmt: skip
    output.tell(f"  {len(found.answers)} of {len(list(linting.corners()))} questions are answered otherwise")


def _bands_changed(before: Bands, after: Bands) -> Iterator[tuple[str, str, str]]:
    """Every line of bands.json that says something else: how many people are asked stands there too."""
    for name in Bands.__struct_fields__:
        was, is_now = (_line(getattr(one, name)) for one in (before, after))
        if was != is_now:
            yield name, was, is_now


def _line(value: object) -> str:
    return msgspec.json.encode(value).decode()


# ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command("list")
def list_versions(context: typer.Context, *, as_json: Json = False) -> None:
    """Every version of the fleet's policy, with who proposed and who applied it."""
    found = stopping.run(_with(context, versions))
    if as_json:
        output.answer({"versions": [_as_json(one) for one in found]})
    elif found:
        rows = [(str(one.number), str(one.state), f"{one.files.name} {one.files.release}", one.digest[:12],
                 one.proposed_by, one.applied_by, one.why) for one in found]  # fmt: skip
        output.table(("number", "state", "pack", "digest", "proposed by", "applied by", "why"), rows)
    else:
        output.tell("no version is on record: the pack that is shipped decides")


@app.command()
def show(context: typer.Context, pack: Pack = IN_FORCE, *, as_json: Json = False) -> None:
    """One pack in words: every rule, what it says and what to do about it; the bands."""
    files = _files(context, pack)
    engine = PolicyEngine(pack_of(files))
    if as_json:
        output.answer({"digest": engine.digest, "name": files.name, "release": files.release,
                       "bands": msgspec.to_builtins(engine.pack.bands), "cases": len(files.cases), "text": files.text,
                       "rules": [msgspec.to_builtins(rule) for rule in engine.pack.rules.values()]})  # fmt: skip
        return
    output.tell(f"{_title(engine)}: bands {_bands(engine)}")
    rows = [(rule.effect, rule.name, rule.says, rule.obligation or rule.remedy) for rule in engine.pack.rules.values()]
    output.table(("", "rule", "says", "owes, or to change it"), rows)


@app.command()
def propose(
    context: typer.Context,
    pack: Annotated[Path, typer.Argument(help="The folder of the pack.")],
    *,
    why: Annotated[str, typer.Option(help="Why, for the record.")],
    as_json: Json = False,
) -> None:
    """Put a pack on record as a new version. It decides nothing until somebody applies it."""
    files = load_files(pack)
    made = stopping.run(_with_policies(context, lambda all_, by: all_.propose(files, by=by.name, why=why)))
    _say(made, f"version {made.number} is proposed; `chimera policy diff {made.number}` compares it, "
         f"`chimera policy apply {made.number} --digest {made.digest[:12]}` applies it", as_json=as_json)  # fmt: skip


@app.command()
def apply(
    context: typer.Context,
    number: Number,
    *,
    digest: Annotated[str, typer.Option(help="The beginning of the digest that you looked at.")],
    as_json: Json = False,
) -> None:
    """Put a version in force. Needs a person who may, and exactly the content that was looked at."""

    async def applied(policies: Policies, by: Approver) -> Policy:
        return await policies.apply(number, by=by, digest=_whole(await policies.get(number), digest))

    made = stopping.run(_with_policies(context, applied))
    _say(made, f"version {made.number} is in force; a running fleet decides by it within a second", as_json=as_json)


@app.command()
def withdraw(context: typer.Context, number: Number, *, as_json: Json = False) -> None:
    """Take a proposal back."""
    made = stopping.run(_with_policies(context, lambda all_, by: all_.withdraw(number, by=by.name)))
    _say(made, f"version {made.number} is withdrawn", as_json=as_json)


def _whole(policy: Policy, digest: str) -> str:
    """The whole digest, if what was typed is its beginning."""
    if len(digest) < 8:
        raise Invalid("digest_short", "type at least 8 characters of the digest", where="--digest",
                      remedy="chimera policy list prints it")  # fmt: skip
    return policy.digest if policy.digest.startswith(digest) else digest


def _say(policy: Policy, text: str, *, as_json: bool) -> None:
    if as_json:
        output.answer(_as_json(policy))
    else:
        output.tell(text)


def _as_json(policy: Policy) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(policy)
    files = told.pop("files")
    return {**told, "name": files["name"], "release": files["release"]}


# ── where packs come from ───────────────────────────────────────────────────────────────────────────────────────────


def _files(context: typer.Context, pack: str) -> PackFiles:
    """The files of a pack by how a person names it. The database is opened only for what is in it."""
    if pack == SHIPPED:
        return load_files(DEFAULT_PACK)
    if pack == IN_FORCE or pack.isdigit():
        return stopping.run(_with(context, lambda reads: recorded(reads, pack)))
    return load_files(Path(pack))


async def recorded(reads: Reads, pack: str) -> PackFiles:
    """The files of a version on record, or of the pack that decides."""
    if pack.isdigit():
        found = {one.number: one for one in await versions(reads)}
        if int(pack) not in found:
            raise Invalid("policy_number_unknown", f"there is no version {pack}", where="policy",
                          remedy="chimera policy list names them")  # fmt: skip
        return found[int(pack)].files
    standing = await in_force(reads)
    return standing.files if standing else load_files(DEFAULT_PACK)


async def _with(context: typer.Context, act: Callable[[Reads], Awaitable[T]]) -> T:
    open_store: OpenStore = doors_of(context).office_store
    async with open_store() as store:
        return await act(store)


async def _with_policies(context: typer.Context, act: Callable[[Policies, Approver], Awaitable[Policy]]) -> Policy:
    """In the name of whoever is recognised here, if the desk says that this person may."""
    async with doors_of(context).office() as office:
        office.desk.require(office.principal, "policy.apply", FLEET)
        return await act(Policies(store=office.store, shipped=load_files(DEFAULT_PACK)), office.principal.approver)


def _title(engine: PolicyEngine) -> str:
    return f"{engine.pack.name} {engine.pack.release} ({engine.digest[:12]})"


def _bands(engine: PolicyEngine) -> str:
    bands = engine.pack.bands
    more = f", {len(bands.overrides)} overrides" if bands.overrides else ""
    return f"{bands.proceed_bp}/{bands.monitored_bp}/{bands.human_bp}{more}"


# ── back-testing ────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def backtest(
    context: typer.Context,
    new: Pack,
    *,
    since: Annotated[str, typer.Option(help="Only decisions since then: 7d, 12h, or 2026-11-21T08:00.")] = "",
    as_json: Json = False,
) -> None:
    """Decide everything on record again under another pack: what would have been held, let through, spent."""
    files = _files(context, new)
    answer = stopping.run(_with(context, lambda reads: _backtested(reads, files, since))).as_json()
    if as_json:
        output.answer(answer)
    else:
        _tell_report(answer)


async def _backtested(reads: Reads, files: PackFiles, since: str) -> Replayed:
    since_us = moment(since, now_us=await reads.now_us(), zone=read_settings().zone) if since else 0
    return await replayed(reads, files, clock=SystemClock(), since_us=since_us)


def moment(text: str, *, now_us: int, zone: tzinfo) -> int:
    """A moment in the past, as people write it."""
    spans = {"d": 86_400, "h": 3_600, "m": 60}
    if text[-1:] in spans and text[:-1].isdigit():
        return now_us - int(text[:-1]) * spans[text[-1]] * 1_000_000
    try:
        told = datetime.fromisoformat(text)
    except ValueError as error:
        raise Invalid("moment_malformed", f"{text[:40]!r} is no moment", where="--since",
                      remedy="write 7d, 12h, 30m or 2026-11-21T08:00") from error  # fmt: skip
    return int((told if told.tzinfo else told.replace(tzinfo=zone)).timestamp() * 1_000_000)


def _tell_report(answer: dict[str, Any]) -> None:
    output.tell(f"{answer['decisions']} decisions ({answer['distinct']} distinct), {answer['agreeing']} as they were, "
                f"{answer['changed']} otherwise")  # fmt: skip
    for name in ("allow", "escalate", "deny"):
        output.tell(f"  {name}: {answer['before'].get(name, 0)} → {answer['after'].get(name, 0)}")
    spent = (format_micros(answer[name]) for name in ("spent_before_micros", "spent_after_micros"))
    output.tell(f"  decided to spend: {' → '.join(spent)}")
    if any(answer["let_through"].values()):
        output.tell(f"  of what would no longer be held, people approved {answer['let_through']['people_approved']} "
                    f"and did not approve {answer['let_through']['people_did_not']}")  # fmt: skip
    for one in answer["examples"][:SHOWN_MAX]:
        output.tell(f"  task {one['task_id']}: {one['before']} → {one['after']} ({', '.join(one['rules_after'])})")
    output.tell(f"  {answer['decisions_per_second']} decisions/s")
