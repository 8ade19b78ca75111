"""`chimera tools …`: tool servers as people see them: what there is, what fits, what changed, what is pinned."""

from __future__ import annotations

import contextlib
import difflib
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera.assembly import tools as assembly
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain import canonical
from chimera.domain.errors import Conflict, Invalid, Unavailable
from chimera.domain.person import Principal
from chimera.domain.tools import Definition, Standing, ToolKind, ToolPin, differences, standing
from chimera.governance.tools.classify import classify
from chimera.governance.tools.pins import Pins, looked_at, pins
from chimera.ports.store import Store
from chimera.ports.toolbox import ToolServers
from chimera.settings import read_settings

app = typer.Typer(name="tools", help="Tool servers: list, search, show, compare, pin, measure.", no_args_is_help=True)
T = TypeVar("T")
SHOWN_CHARS_MAX = 70
DIGEST_CHARS_MIN = 8
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Tool = Annotated[str, typer.Argument(help="server/tool.")]
Act = Callable[[ToolServers, Store], Awaitable[T]]


@app.command("list")
def list_tools(
    context: typer.Context,
    *,
    server: Annotated[str, typer.Option(help="Only this server.")] = "",
    as_json: Json = False,
) -> None:
    """Ask every server what it offers, and say what may be used. Exit 3 if none of them answered."""

    async def listed(fleet: ToolServers, store: Store) -> dict[str, Any]:
        failed = await fleet.discover((server,) if server else ())
        if len(failed) == len((server,) if server else fleet.servers):
            raise Unavailable("tool_server_failed", "; ".join(f"{name}: {why}" for name, why in failed.items())[:500],
                              where="tools", remedy="look at the servers")  # fmt: skip
        known = await pins(store)
        rows = [_row(one, known.get(one.full_name)) for one in fleet.definitions()]
        digests = {name: _digest_of(_of(fleet, name)) for name in fleet.servers if name not in failed}
        return {"tools": rows, "failed": failed, "refused": fleet.faults(), "servers": digests}

    answer = _with(context, listed)
    if as_json:
        output.answer(answer)
        return
    rows = [(row["tool"], row["standing"], row["kind"], row["digest"][:12]) for row in answer["tools"]]
    output.table(("tool", "standing", "kind", "digest"), rows)
    for what in ("failed", "refused"):
        for name, why in answer[what].items():
            output.tell(f"{what}: {name}: {why}")


@app.command()
def search(
    context: typer.Context,
    wish: Annotated[str, typer.Argument(help="What you want to do, in your own words.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many at most.")] = 5,
    pinned: Annotated[bool, typer.Option("--pinned", help="Only what is pinned.")] = False,
    as_json: Json = False,
) -> None:
    """Find the tools that fit a wish. Exit 1 if none does."""

    async def searched(fleet: ToolServers, store: Store) -> list[dict[str, Any]]:
        await fleet.discover()
        known = await pins(store)
        index = await assembly.selection_of(fleet.definitions())
        found = await index.select(wish, limit=limit, may_use=lambda one: not pinned or _is_pinned(one, known))
        return [{**_row(one.definition, known.get(one.definition.full_name)), "score": one.score} for one in found]

    found = _with(context, searched)
    if as_json:
        output.answer({"wish": wish, "tools": found})
    else:
        output.table(("tool", "standing", "kind", "says"),
                     [(row["tool"], row["standing"], row["kind"], row["says"]) for row in found])  # fmt: skip
    if not found:
        raise typer.Exit(1)


@app.command()
def show(context: typer.Context, tool: Tool, *, as_json: Json = False) -> None:
    """Show one tool as its server describes it. Its words are a stranger's."""

    async def shown(fleet: ToolServers, store: Store) -> dict[str, Any]:
        seen = await _seen(fleet, tool)
        row = _row(seen, (await pins(store)).get(tool))
        return {**row, "description": seen.description, "schema": seen.input_schema()}

    answer = _with(context, shown)
    if as_json:
        output.answer(answer)
        return
    output.tell(f"{answer['tool']}: {answer['standing']}, {answer['kind']}, {answer['digest']}")
    output.tell(answer["description"])
    output.tell(msgspec.json.encode(answer["schema"]).decode())


@app.command()
def diff(context: typer.Context, tool: Tool, *, as_json: Json = False) -> None:
    """Compare what is pinned with what the server offers now. Exit 1 if they differ; a new tool does."""

    async def compared(fleet: ToolServers, store: Store) -> dict[str, Any]:
        seen, pin = await _seen(fleet, tool), (await pins(store)).get(tool)
        changed = differences(pin.definition if pin else None, seen)
        return {"tool": tool, "standing": str(standing(seen, pin)), "digest": seen.digest, "kind": str(classify(seen)),
                "changed": {part: {"before": old, "after": new} for part, (old, new) in changed.items()}}  # fmt: skip

    answer = _with(context, compared)
    if as_json:
        output.answer(answer)
    else:
        output.tell(f"{tool}: {answer['standing']}, {answer['digest']}")
        for part, both in answer["changed"].items():
            for line in difflib.unified_diff(both["before"].splitlines(), both["after"].splitlines(), f"pinned {part}",
                                             f"offered {part}", lineterm=""):  # fmt: skip
                output.tell(line)
    if answer["standing"] != Standing.PINNED:
        raise typer.Exit(1)


@app.command()
def pin(
    context: typer.Context,
    tool: Annotated[str, typer.Argument(help="server/tool, or a server for all of its tools.")],
    *,
    digest: Annotated[str, typer.Option(help="The beginning of the digest that you looked at.")],
    kind: Annotated[str, typer.Option(help="read, write, publish, message, spend, admin; or our guess.")] = "",
    as_json: Json = False,
) -> None:
    """Approve exactly this definition; with a server's digest (`tools list --json`), all of its tools."""

    async def pinned(fleet: ToolServers, store: Store) -> list[ToolPin]:
        wanted = [await _seen(fleet, tool)] if "/" in tool else await _all_of(fleet, tool)
        _require_digest(digest, wanted[0].digest if "/" in tool else _digest_of(wanted), tool)
        async with _desk(context) as (desk, by):
            desk.require(wanted, by=by)
            return [await desk.pin(one, digest=one.digest, kind=_kind(kind, one), by=by) for one in wanted]

    made = _with(context, pinned)
    if as_json:
        output.answer({"pinned": [{"tool": one.definition.full_name, "digest": one.digest, "kind": str(one.kind)}
                                  for one in made]})  # fmt: skip
    else:
        for one in made:
            output.tell(f"{one.definition.full_name} is pinned as {one.kind}")


@app.command()
def revoke(context: typer.Context, tool: Tool, *, as_json: Json = False) -> None:
    """Take an approval back: nobody may call the tool any more."""

    async def revoked() -> ToolPin:
        async with _desk(context) as (desk, by):
            return await desk.revoke(tool, by=by)

    made = stopping.run(revoked())
    if as_json:
        output.answer({"revoked": made.definition.full_name, "digest": made.digest})
    else:
        output.tell(f"{made.definition.full_name} is revoked")


@app.command()
def bench(
    *,
    servers: Annotated[int, typer.Option(min=20, max=400, help="How many servers, all kinds together.")] = 200,
    real: Annotated[bool, typer.Option("--real/--no-real", help="Start real servers from PyPI and npm, too.")] = True,
    as_json: Json = False,
) -> None:
    """Measure finding, selecting, calling, and what twenty misbehaving servers do to the others."""
    folder = read_settings().folder / "bench-servers"
    # A process of its own: what it loads takes seconds, which no other command should wait for.
    command = [sys.executable, "-m", "chimera.bench.tools", str(servers), str(folder) if real else ""]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if not done.stdout:
        raise Unavailable("tools_bench_broke", "the measurement ended without a result", where="bench",
                          remedy="the lines above say why")  # fmt: skip
    result = msgspec.json.decode(done.stdout, type=dict[str, Any])
    if "error" in result:
        raise Unavailable("bench_servers_missing", str(result["error"]), where="bench",
                          remedy="look at npm and pip, or measure with --no-real")  # fmt: skip
    if as_json:
        output.answer(result)
    else:
        output.table(("figure", "value"), [(name, str(value)) for name, value in result.items()])
    if result["missed"]:
        raise typer.Exit(1)


# ── what the commands share ─────────────────────────────────────────────────────────────────────────────────────────


def _with(context: typer.Context, act: Act[T]) -> T:
    async def acted() -> T:
        async with assembly.tool_servers(read_settings()) as fleet, doors_of(context).office_store() as store:
            return await act(fleet, store)

    return stopping.run(acted())


@contextlib.asynccontextmanager
async def _desk(context: typer.Context) -> AsyncGenerator[tuple[Pins, Principal]]:
    """Where whoever sits here approves tools, if they may."""
    async with doors_of(context).office() as office:
        yield assembly.pins_desk(office.store), office.principal


async def _all_of(fleet: ToolServers, server: str) -> list[Definition]:
    failed = await fleet.discover((server,))
    if failed:
        raise Unavailable("tool_server_failed", failed[server], where=server, remedy="look at the server")
    found = _of(fleet, server)
    if not found:
        raise Invalid("tool_unknown", f"{server} offers no tool that can be used", where=server,
                      remedy="chimera tools list says why")  # fmt: skip
    return found


async def _seen(fleet: ToolServers, full_name: str) -> Definition:
    server, _, name = full_name.partition("/")
    seen = {one.name: one for one in await _all_of(fleet, server)}
    if name not in seen:
        raise Invalid("tool_unknown", f"{server} offers no tool {name[:80]!r}", where="tool",
                      remedy="chimera tools list names them")  # fmt: skip
    return seen[name]


def _of(fleet: ToolServers, server: str) -> list[Definition]:
    return [one for one in fleet.definitions() if one.server == server]


def _digest_of(definitions: Iterable[Definition]) -> str:
    return canonical.hash_of(sorted(one.digest for one in definitions))


def _row(seen: Definition, known: ToolPin | None) -> dict[str, Any]:
    kind = known.kind if known is not None and standing(seen, known) is Standing.PINNED else classify(seen)
    stands = looked_at(seen, known, assembly.scanner())
    return {"tool": seen.full_name, "standing": str(stands), "kind": str(kind), "digest": seen.digest,
            "says": " ".join(seen.description.split())[:SHOWN_CHARS_MAX]}  # fmt: skip


def _is_pinned(seen: Definition, known: dict[str, ToolPin]) -> bool:
    return standing(seen, known.get(seen.full_name)) is Standing.PINNED


def _require_digest(typed: str, actual: str, tool: str) -> None:
    if len(typed) < DIGEST_CHARS_MIN:
        raise Invalid("digest_short", f"type at least {DIGEST_CHARS_MIN} characters of the digest", where="--digest",
                      remedy="chimera tools list prints it")  # fmt: skip
    if not actual.startswith(typed):
        raise Conflict("tool_differs", "the tool is not the one that was looked at", where=tool[:200],
                       remedy="look at it again: chimera tools diff")  # fmt: skip


def _kind(typed: str, seen: Definition) -> ToolKind:
    if not typed:
        return classify(seen)
    try:
        return ToolKind(typed)
    except ValueError as error:
        raise Invalid("tool_kind_unknown", f"{typed[:40]!r} is no kind of tool", where="--kind",
                      remedy=f"one of {', '.join(ToolKind)}") from error  # fmt: skip
