"""`chimera agent …`: makes, checks and installs agent packages."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera.adapters.documents.packages import Package, read_package
from chimera.adapters.documents.specs import load_specs
from chimera.adapters.documents.writing import Answers, write_package
from chimera.assembly.people import Office
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.agent import Agent, AgentCommand, AgentState
from chimera.domain.faults import Faults
from chimera.domain.figures import AgentFigures
from chimera.domain.manifest import budget_in_words, manifest_schema
from chimera.domain.money import format_micros
from chimera.domain.permissions import PERMISSIONS
from chimera.domain.verbs import Resource
from chimera.governance.security.gateway import SecurityGateway
from chimera.governance.security.scan import shipped_scanner
from chimera.governance.tallying import figures_of
from chimera.pipeline.installer import Installed, Installer, Offer, changes_of

app = typer.Typer(name="agent", help="Agents: folders that are installed like plugins.", no_args_is_help=True)

TEMPLATE = Path(__file__).parent / "template"
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the package.")]
Name = Annotated[str, typer.Argument(help="The name of the package, such as studio.persona.")]
Result = TypeVar("Result")


@app.command()
def schema(*, as_json: Json = False) -> None:
    """Print the JSON Schema of manifests. It is the contract."""
    if as_json:
        output.answer(manifest_schema())
    else:
        output.tell(msgspec.json.format(msgspec.json.encode(manifest_schema()), indent=2).decode())


# ── making ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def new(
    name: Name,
    *,
    folder: Annotated[Path, typer.Option(help="Where to put it.")] = Path(),
    persona: Annotated[str, typer.Option(help="The public name.")] = "",
    voice: Annotated[str, typer.Option(help="How it writes.")] = "",
    goal: Annotated[str, typer.Option(help="What it is for.")] = "",
    interests: Annotated[str, typer.Option(help="What it talks about, with commas between.")] = "",
    handle: Annotated[str, typer.Option(help="Its account on the rehearsal's network, such as @persona.")] = "",
    as_json: Json = False,
) -> None:
    """Write a new package that is ready to be installed. Asks on a terminal; never overwrites."""
    ask = _ask if sys.stdin.isatty() and not as_json else _take_default
    short = name.rpartition(".")[2] or name
    persona = persona or ask("What is its public name?", short.replace("-", " ").title())
    answers = Answers(
        name=name,
        persona=persona,
        title=f"{persona}, an AI persona",
        goal=goal or ask("What is it for?", "Tell people one useful or funny thing a day."),
        voice=voice or ask("How does it write?", "Short sentences, dry humour, never unkind."),
        interests=_listed(interests or ask("What does it talk about? (with commas between)", "everyday life")),
        platform="sandbox",
        handle=handle or ask("Under which handle?", "@" + short.replace("-", "_")),
        disclosure=ask("How does it say that it is an AI?", "[AI persona]"),
        owner=ask("Who answers for it?", output.person()),
    )
    package = write_package(folder / name, answers, template=TEMPLATE, specs=load_specs())
    if as_json:
        output.answer({"path": package.folder, "name": name, "version": package.manifest.identity.version})
    else:
        output.tell(f"written: {package.folder}\nnext: chimera agent validate {package.folder}")


def _ask(question: str, default: str) -> str:
    return str(typer.prompt(question, default=default, err=True))


def _take_default(_question: str, default: str) -> str:
    return default


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


# ── checking ────────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def validate(folder: Folder, *, as_json: Json = False) -> None:
    """Check a package; one message per fault, with file, line and remedy. Exit 2 if there is any."""
    try:
        package = read_package(folder, specs=load_specs())
    except Faults as error:
        if not as_json:
            raise
        output.answer({"ok": False, "faults": [output.fault_as_json(fault) for fault in error.faults]})
        raise typer.Exit(error.exit_code) from error
    if as_json:
        output.answer({"ok": True, "faults": [], **_package_as_json(package)})
    else:
        _describe(package)


def _package_as_json(package: Package) -> dict[str, Any]:
    identity = package.manifest.identity
    return {
        "name": identity.name,
        "version": identity.version,
        "digest": package.digest,
        "permissions": sorted(package.manifest.permissions),
        "files": package.files,
    }


def _describe(package: Package) -> None:
    manifest = package.manifest
    output.tell(f"{manifest.identity.name} {manifest.identity.version}: {manifest.identity.title}")
    output.tell(f"digest {package.digest}, {len(package.files)} files")
    output.tell(f"it may cost {budget_in_words(manifest.budget_micros_day)}")
    output.tell("it asks to be permitted:" if manifest.permissions else "it asks for no permission")
    for name in sorted(manifest.permissions):
        output.tell(f"  {name}: {PERMISSIONS[name].meaning}")


# ── on record ───────────────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def install(
    context: typer.Context,
    folder: Folder,
    *,
    accept_permissions: Annotated[bool, typer.Option("--accept-permissions", help="It may be permitted more.")] = False,
    accept_budget: Annotated[bool, typer.Option("--accept-budget", help="It may spend more.")] = False,
    as_json: Json = False,
) -> None:
    """Install a package, or upgrade the one that is installed."""
    package = read_package(folder, specs=load_specs())

    async def offered(installer: Installer, by: str) -> Installed:
        return await installer.install(
            Offer(
                manifest=package.manifest,
                digest=package.digest,
                constitution=package.constitution,
                brand=package.brand,
                faces=package.faces,
                by=by,
                accept_permissions=accept_permissions,
                accept_budget=accept_budget,
            )
        )

    installed = _in_the_name_of(context, offered, security=SecurityGateway(shipped_scanner()))
    if as_json:
        output.answer(installed_as_json(installed))
    else:
        say_installed(installed)


def installed_as_json(installed: Installed) -> dict[str, Any]:
    """What an installation changed, as `--json` gives it."""
    return {
        **_agent_as_json(installed.agent),
        "previous": installed.previous,
        "changed": installed.changed,
        "gained": installed.gained,
        "lost": installed.lost,
    }


def say_installed(installed: Installed) -> None:
    """What an installation changed, for people."""
    agent = installed.agent
    if not installed.changed:
        output.tell(f"{agent.name} {agent.package_version} is installed already")
        return
    instead = f", in place of {installed.previous}" if installed.previous else ""
    output.tell(f"{agent.name} {agent.package_version} is installed{instead}")
    for sign, name, meaning in changes_of(installed):
        output.tell(f"  {sign} {name}: {meaning}")
    if agent.state is AgentState.INSTALLED:
        output.tell(f"next: chimera agent activate {agent.name}")


@app.command("list")
def list_agents(context: typer.Context, *, as_json: Json = False) -> None:
    """What is installed."""

    async def inside() -> tuple[Agent, ...]:
        async with doors_of(context).office_store() as store:
            return await Installer(store).agents()

    agents = stopping.run(inside())
    if as_json:
        output.answer({"agents": [_agent_as_json(agent) for agent in agents]})
    elif agents:
        output.table(
            ("name", "version", "state", "permissions"),
            [(agent.name, agent.package_version, agent.state, ", ".join(agent.permissions)) for agent in agents],
        )
    else:
        output.tell("no agent is installed")


@app.command()
def figures(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """What an agent's campaigns came to: engagement, attribution, cost, return, and how often a person was asked."""

    async def inside() -> AgentFigures:
        async with doors_of(context).office_store() as store:
            return await figures_of(store, await Installer(store).named(name))

    found = msgspec.to_builtins(stopping.run(inside()))
    if as_json:
        output.answer(found)
        return
    output.table(
        ("figure", "value"),
        [(key, str(value)) for key, value in found.items() if key not in ("of", "topics", "variants")],
    )
    output.table(("topic", "posts", "cost", "revenue"), [
        (one["topic"], str(one["posts"]), format_micros(one["cost_micros"]), format_micros(one["revenue_micros"]))
        for one in found["topics"]
    ])  # fmt: skip
    output.table(("chosen", "variant", "posts", "engagements a post", "troubled"), [
        (one["factor"], one["variant"], str(one["posts"]), f"{one['engagements_per_post_millis'] / 1_000:.1f}",
         str(one["troubled"])) for one in found["variants"]
    ])  # fmt: skip


@app.command()
def activate(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let an agent take goals."""
    _change(context, name, AgentCommand.ACTIVATE, as_json=as_json)


@app.command()
def pause(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """Let an agent take no more goals for now."""
    _change(context, name, AgentCommand.PAUSE, as_json=as_json)


@app.command()
def retire(context: typer.Context, name: Name, *, as_json: Json = False) -> None:
    """End an agent for good; its history stays."""
    _change(context, name, AgentCommand.RETIRE, as_json=as_json)


def _change(context: typer.Context, name: str, command: AgentCommand, *, as_json: bool) -> None:
    agent = _in_the_name_of(context, lambda installer, by: installer.change(name, command, by=by))
    if as_json:
        output.answer(_agent_as_json(agent))
    else:
        output.tell(f"{agent.name} is {agent.state}")


def _agent_as_json(agent: Agent) -> dict[str, Any]:
    return {
        "agent": agent.id,
        "name": agent.name,
        "version": agent.package_version,
        "digest": agent.package_digest,
        "state": agent.state,
        "permissions": agent.permissions,
        "budget_micros_day": agent.budget_micros_day,
    }


def _in_the_name_of(
    context: typer.Context,
    work: Callable[[Installer, str], Awaitable[Result]],
    *,
    security: SecurityGateway | None = None,
) -> Result:
    """Only installing needs a look at words, and what looks takes half a second to build."""
    return by_whoever_may_change(
        context, lambda office: work(Installer(office.store, security=security), office.principal.name)
    )


def by_whoever_may_change(context: typer.Context, work: Callable[[Office], Awaitable[Result]]) -> Result:
    """Work that somebody answers for, who has to be one who may change agents."""

    async def inside() -> Result:
        async with doors_of(context).office() as office:
            office.desk.require(office.principal, "agent.change", Resource(kind="agents", id="agents"))
            return await work(office)

    return stopping.run(inside())
