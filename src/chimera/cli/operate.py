"""`chimera up | feed | halt | resume | doctor`: a fleet on this machine, and its kill switch."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated

import msgspec
import typer

from chimera import bootstrap
from chimera.adapters.system.clock import SystemClock
from chimera.api.imitations import told_instead
from chimera.assembly import joining, networks
from chimera.assembly import serving as serving_api
from chimera.assembly.outside import Outside
from chimera.bootstrap import Database
from chimera.cli import checkup, output, stopping
from chimera.cli.network_process import network_of
from chimera.cli.rehearsing import Plan, begin, handle_of
from chimera.cli.story import Cursor, Names, is_worth_telling, line_of
from chimera.domain import scopes
from chimera.domain.halt import Halt
from chimera.domain.person import Principal
from chimera.governance.halts import Halts
from chimera.ports.store import Reads
from chimera.processes.fleet import Fleet, fleet_process
from chimera.rehearsal.scenario import DEMO
from chimera.settings import Settings, read_settings

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Scope = Annotated[str, typer.Argument(help="fleet, agent:ID, campaign:ID, platform:NAME or tool:NAME.")]
FLEET = "fleet"
LOOK_SECONDS = 0.3


def up(
    *,
    agents: Annotated[int, typer.Option(help="How many personas take part in the rehearsal.")] = 12,
    attacks: Annotated[int, typer.Option(min=0, max=3_600, help="How often an hour strangers try to misuse it.")] = 120,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show the live feed here.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="On the networks of networks.toml: what is posted is public.")
    ] = False,
) -> None:
    """Start everything on this machine, as a rehearsal, and show it live. Ctrl-C stops it; nothing is lost."""
    with contextlib.suppress(KeyboardInterrupt):
        settings = read_settings()
        running = _live(settings, quiet=quiet) if live else _up(settings, agents=agents, attacks=attacks, quiet=quiet)
        stopping.run(running)
    output.note("stopped; the next `chimera up` goes on from here")


async def _up(settings: Settings, *, agents: int, attacks: int, quiet: bool) -> None:
    scenario = msgspec.structs.replace(DEMO, attacks=attacks, attacks_to_seconds=3_600.0)
    plan = Plan(agents=agents, posts=6, scenario=scenario)
    async with joining.held(settings.folder, tell=output.note) as home:
        output.note(f"chimera rehearses in {home.folder}: offline, with simulated people and simulated money")
        accounts = tuple(handle_of(number) for number in range(agents))
        standing = network_of(home.folder / "rehearsal", scenario, accounts)
        async with standing as network, bootstrap.database(settings) as found:
            output.note(f"you are {await bootstrap.somebody_here(settings, found)}")
            outside = bootstrap.sandbox_outside(network.url, scenario, found=found)
            async with outside as ways, fleet_process(settings, ways, found=found) as fleet:
                await begin(fleet, plan)
                await _serve(fleet, settings, found, quiet=quiet)


async def _live(settings: Settings, *, quiet: bool) -> None:
    """The fleet as installed, on real networks. What it may do there stands in manifests and policy, as ever."""
    named = ", ".join(sorted(networks.configured(settings)))
    async with (
        joining.held(settings.folder, tell=output.note) as home,
        bootstrap.database(settings) as found,
        contextlib.AsyncExitStack() as stack,
    ):
        output.note(f"chimera is live in {home.folder}, on {named}")
        output.note(f"you are {await bootstrap.somebody_here(settings, found)}")
        reads = await found.reads()
        stack.push_async_callback(reads.close)
        ways = await stack.enter_async_context(networks.live(settings, reads, dsn=found.dsn, passwords=found.passwords))
        outside = Outside(model=ways.model, judge_model=ways.judge_model, tools=ways.tools,
                                    publisher=ways.publisher)  # fmt: skip
        fleet = await stack.enter_async_context(fleet_process(settings, outside, found=found))
        await _serve(fleet, settings, found, quiet=quiet)


async def _serve(fleet: Fleet, settings: Settings, found: Database, *, quiet: bool) -> None:
    async with serving_api.api(settings, found=found, office=fleet.office, intake=fleet.intake) as console:
        output.note(f"the console: {console.entrance} (this address lets you in once)")
        await _show(fleet, settings, quiet=quiet)


async def _show(fleet: Fleet, settings: Settings, *, quiet: bool) -> None:
    if unable := await checkup.unable_agents(fleet.reads):
        output.note(f"can do nothing: {', '.join(unable)}; {checkup.INSTALL_AGAIN}")
    output.note("the live feed is here; `chimera feed` shows it elsewhere, `chimera halt fleet` stops everything")
    if idle := await checkup.idleness(fleet.reads):
        output.note(idle)
    async for line in lines(fleet.reads, settings, from_now=True):
        if not quiet:
            output.tell(line)


async def lines(reads: Reads, settings: Settings, *, from_now: bool) -> AsyncGenerator[str]:
    """History as it comes, line by line, for ever."""
    cursor, names, clock = Cursor(), Names(reads), SystemClock()
    if from_now:
        await cursor.to_the_end(reads)
    while True:
        for happened in await cursor.news(reads):
            # A decoy begins like any review: whoever watches may be who has to rule on it.
            event = await told_instead(reads, happened)
            if event is not None and is_worth_telling(event):
                name = await names.of(str(event.data.get("agent", "")))
                yield line_of(event, zone=settings.zone, name=name)
        await clock.sleep(LOOK_SECONDS)


def feed(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Begin with the first event, not now.")] = False,
) -> None:
    """Show what the fleet on this home does, as it happens. Ctrl-C leaves; the fleet goes on."""
    stopping.run(_feed(read_settings(), from_now=not everything))


async def _feed(settings: Settings, *, from_now: bool) -> None:
    async with bootstrap.running_or_own_database(settings, lasting=True) as found:
        reads = await found.reads()
        if idle := await checkup.idleness(reads):
            output.note(idle)
        async for line in lines(reads, settings, from_now=from_now):
            output.tell(line)


# ── the kill switch ─────────────────────────────────────────────────────────────────────────────────────────────────


def halt(
    scope: Scope = FLEET,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "halted by hand",
    as_json: Json = False,
) -> None:
    """Stop everything in a scope at once: nothing begins there until it is resumed."""
    scope = scopes.parse(scope)
    halted = stopping.run(_with_halts(lambda halts, by: halts.halt(scope, by=by, reason=reason)))
    _say(halted, f"{halted.halted} is halted; `chimera resume {halted.halted}` lifts it", as_json=as_json)


def pause(
    scope: Scope = FLEET,
    *,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "paused by hand",
    as_json: Json = False,
) -> None:
    """Let nothing new be planned in a scope until it is resumed; what is under way is finished."""
    scope = scopes.parse(scope)
    paused = stopping.run(_with_halts(lambda halts, by: halts.pause(scope, by=by, reason=reason)))
    _say(paused, f"{paused.halted} is paused; `chimera resume {paused.halted}` lifts it", as_json=as_json)


def resume(scope: Scope = FLEET, *, as_json: Json = False) -> None:
    """Lift the halt or the pause of a scope."""
    scope = scopes.parse(scope)
    lifted = stopping.run(_with_halts(lambda halts, by: halts.resume(scope, by=by)))
    _say(lifted, f"{lifted.halted} goes on", as_json=as_json)


async def _with_halts(act: Callable[[Halts, Principal], Awaitable[Halt]]) -> Halt:
    async with bootstrap.office() as office:
        return await act(office.halts, office.principal)


def _say(halt_record: Halt, text: str, *, as_json: bool) -> None:
    if as_json:
        output.answer({"scope": halt_record.halted, "state": str(halt_record.state), "by": halt_record.by,
                       "lifted_by": halt_record.lifted_by, "reason": halt_record.reason})  # fmt: skip
    else:
        output.tell(text)


def doctor(*, as_json: Json = False) -> None:
    """Check this installation, and say how to mend what is wrong. Exit 1 if anything is."""
    findings = stopping.run(checkup.examine(read_settings()))
    if as_json:
        output.answer({"ok": all(finding.ok for finding in findings),
                       "checks": [msgspec.to_builtins(finding) for finding in findings]})  # fmt: skip
    else:
        rows = [("ok" if one.ok else "NO", one.name, one.found, "" if one.ok else one.remedy) for one in findings]
        output.table(("", "check", "found", "to mend it"), rows)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
