"""`chimera tools bench`: servers found, tools selected, governed calls beside bare ones, twenty servers misbehaving.

The limits are the issue's. Pins are kept in the local store here: the database is measured elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop
from mcp import Client
from mcp import types as mcp_types
from mcp.server import Server
from msgspec import Struct
from starlette.applications import Starlette
from starlette.routing import Mount

from chimera.adapters.mcp.fleet.entries import Entry, Limits, Secrets
from chimera.adapters.mcp.fleet.fleet import ToolFleet
from chimera.adapters.memory.database import MemoryDatabase
from chimera.adapters.memory.store import MemoryStore
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import tools as assembly
from chimera.bench import live_servers, odd_server, tool_corpus
from chimera.domain.errors import ChimeraError
from chimera.domain.person import Principal
from chimera.domain.roles import Role
from chimera.domain.tools import Definition, ToolKind
from chimera.gateway.door import Guards, ToolDoor
from chimera.governance.egress import Egress
from chimera.governance.tools.book import PinBook

HTTP_SERVERS = 20
MISBEHAVING = 20
CALLS = 400
OWNER = Principal(person="bench", name="bench", roles=frozenset({"owner"}))
PROBES = 20
PROBE_SECONDS_MAX = 2.0
HARM_SECONDS = 12.0
QUICK = Limits(connect_seconds_max=4, call_seconds_max=2, failures_max=2, rest_seconds=2, tries_max=2,
               agent_calls_per_second=1_000, calls_per_second=1_000)  # fmt: skip
WIDE = Limits(agent_calls_per_second=100_000, calls_per_second=100_000)
LIMITS = {"discover_seconds": 20.0, "select_p95_ms": 10.0, "overhead_p95_ms": 3.0}
RECALL_MIN = 0.90


class Served(Struct, frozen=True, kw_only=True):
    """Where the servers of one run are: child processes, in this process, behind HTTP."""

    live: tuple[Entry, ...]
    inside: dict[str, tuple[Definition, ...]]
    wired: dict[str, tuple[Definition, ...]]


def plan(servers: int, live: Sequence[Entry]) -> Served:
    """Share the corpus out: real servers first, then what they published, then invented ones."""
    kept: defaultdict[str, list[Definition]] = defaultdict(list)
    for definition in (*tool_corpus.real_tools(), *tool_corpus.generated_tools()):
        kept[definition.server].append(definition)
    running = {entry.name for entry in live}
    names = [name for name in kept if name not in running][: max(0, servers - len(live))]
    wired = set(names[-HTTP_SERVERS:])
    return Served(
        live=tuple(live), wired={name: tuple(kept[name]) for name in names if name in wired},
        inside={name: tuple(kept[name]) for name in names if name not in wired},
    )  # fmt: skip


def server_of(name: str, definitions: Iterable[Definition]) -> Server[Any]:
    """A server that offers these definitions and answers each with its own arguments."""
    listed = mcp_types.ListToolsResult(tools=[_tool(one) for one in definitions])

    async def on_list(_context: object, _params: object) -> mcp_types.ListToolsResult:
        return listed

    async def on_call(_context: object, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        text = msgspec.json.encode(params.arguments or {}).decode()
        return mcp_types.CallToolResult(content=[mcp_types.TextContent(text=text)])

    return Server(name, on_list_tools=on_list, on_call_tool=on_call)


def _tool(one: Definition) -> mcp_types.Tool:
    return mcp_types.Tool(name=one.name, description=one.description, input_schema=one.input_schema(),
                          annotations=mcp_types.ToolAnnotations(read_only_hint=one.says_read_only))  # fmt: skip


@contextlib.asynccontextmanager
async def behind_http(wired: dict[str, tuple[Definition, ...]]) -> AsyncGenerator[str]:
    """Every server under a path of its own, on one port of this machine."""
    apps = {name: server_of(name, tools).streamable_http_app(json_response=True, stateless_http=True, host="127.0.0.1")
            for name, tools in wired.items()}  # fmt: skip

    @contextlib.asynccontextmanager
    async def alive(_app: Starlette) -> AsyncGenerator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for app in apps.values():
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    app = Starlette(routes=[Mount(f"/{name}", app=one) for name, one in apps.items()], lifespan=alive)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", ws="none"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 – uvicorn says it by this attribute alone.
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def run(servers: int, live: Sequence[Entry]) -> dict[str, Any]:
    """All of it, once."""
    served = plan(servers, live)
    async with behind_http(served.wired) as url:
        entries = (
            *served.live,
            *(Entry(name=name, url="http://in.process/", limits=WIDE) for name in served.inside),
            *(Entry(name=name, url=f"{url}/{name}/mcp", limits=WIDE) for name in served.wired),
            *_odd_entries(),
        )
        local = {name: server_of(name, tools) for name, tools in served.inside.items()}
        async with ToolFleet(entries, clock=SystemClock(), secrets=Secrets(Path("/nonexistent")), local=local) as fleet:
            return await _measured(fleet, served)


def _odd_entries() -> tuple[Entry, ...]:
    modes = [mode for mode in odd_server.MODES if mode != "good"][:MISBEHAVING]
    command = (sys.executable, "-m", "chimera.bench.odd_server")
    return tuple(Entry(name=f"odd-{mode}", command=command[0], args=(*command[1:], mode), limits=QUICK)
                 for mode in modes)  # fmt: skip


async def _measured(fleet: ToolFleet, served: Served) -> dict[str, Any]:
    wanted = (*(entry.name for entry in served.live), *served.inside, *served.wired)
    began = time.perf_counter()
    failed = await fleet.discover(wanted)
    discover_seconds = time.perf_counter() - began
    definitions = tuple(fleet.definitions())
    found = {
        "servers": len(wanted) - len(failed), "real": sum(entry.name not in failed for entry in served.live),
        "tools": len(definitions), "discover_seconds": round(discover_seconds, 2), "failed": failed,
        **await selection(definitions), **await overhead(fleet, served), **await harm(fleet, served),
    }  # fmt: skip
    return {**found, "missed": missed(found, servers=len(wanted))}


def missed(found: dict[str, Any], *, servers: int) -> list[str]:
    """Which limits were not kept."""
    over = [name for name, limit in LIMITS.items() if found[name] >= limit]
    low = [f"recall_at_5.{name}" for name, value in found["recall_at_5"].items() if value < RECALL_MIN]
    lost = ["servers"] if found["servers"] < servers else []
    return [*over, *low, *lost, *(["harmed"] if found["harmed"] else [])]


async def selection(definitions: Sequence[Definition]) -> dict[str, Any]:
    """How often one of the accepted tools is among five, on the half that was never tuned on; and how long it takes."""
    index = await assembly.selection_of(definitions)
    names = {one.full_name for one in definitions}
    asked = [query for query in tool_corpus.queries() if query.accepted & names]
    hits: defaultdict[str, list[bool]] = defaultdict(list)
    seconds: list[float] = []
    for query in asked:
        began = time.perf_counter()
        best = await index.select(query.text, limit=5)
        seconds.append(time.perf_counter() - began)
        half = "untouched" if query.is_untouched else "tuned"
        hit = any(one.definition.full_name in query.accepted for one in best)
        hits[f"{half}/{'real' if query.is_real else 'generated'}"].append(hit)
    return {"queries": len(asked), "untouched": sum(len(hits[f"untouched/{kind}"]) for kind in ("real", "generated")),
            "select_p95_ms": round(_p95(seconds) * 1_000, 3), "recall_at_5": _shares(hits, "untouched"),
            "recall_at_5_tuned": _shares(hits, "tuned")}  # fmt: skip


def _shares(hits: dict[str, list[bool]], half: str) -> dict[str, float]:
    return {kind: round(sum(found) / len(found), 3) if (found := hits[f"{half}/{kind}"]) else 0.0
            for kind in ("real", "generated")}  # fmt: skip


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


async def overhead(fleet: ToolFleet, served: Served) -> dict[str, Any]:
    """The same read through the door and through the library's bare client, taking turns."""
    name = next(name for name in served.inside if fleet.find(name, _reading(served, name)))
    tool, clock = _reading(served, name), SystemClock()
    definition = fleet.find(name, tool)
    assert definition is not None, "it was found a line above"
    store = MemoryStore(MemoryDatabase(), writer="office", role=Role.OFFICE, clock=clock)
    await assembly.pins_desk(store).pin(definition, digest=definition.digest, kind=ToolKind.READ, by=OWNER)
    guards = Guards(may_use=_anybody, security=assembly.scanner(), egress=Egress(()))
    door = ToolDoor(fleet, PinBook(reads=store, clock=clock), guards)
    bare: list[float] = []
    governed: list[float] = []
    async with Client(server_of(name, served.inside[name])) as client:
        for number in range(CALLS):
            arguments = _arguments(definition, number)
            began = time.perf_counter()
            await client.call_tool(tool, arguments)
            middle = time.perf_counter()
            await door.call(f"{name}/{tool}", arguments, agent_id=f"agent-{number % 50}")
            bare.append(middle - began)
            governed.append(time.perf_counter() - middle)
    return {"bare_p95_ms": round(_p95(bare) * 1_000, 3), "governed_p95_ms": round(_p95(governed) * 1_000, 3),
            "overhead_p95_ms": round((_p95(governed) - _p95(bare)) * 1_000, 3)}  # fmt: skip


def _reading(served: Served, name: str) -> str:
    return next((one.name for one in served.inside[name] if _is_finder(one)), "")


def _is_finder(one: Definition) -> bool:
    """Whether it is an invented tool that finds by words."""
    return one.name.startswith("find_") and '"words"' in one.schema


def _arguments(definition: Definition, number: int) -> dict[str, Any]:
    assert _is_finder(definition), "it was chosen as one"
    return {"words": f"the one with the number {number} that somebody asked about", "limit": 5}


async def _anybody(agent_id: str, tool: str) -> bool:
    return bool(agent_id and tool)


async def harm(fleet: ToolFleet, served: Served) -> dict[str, Any]:
    """Twenty servers misbehave at once; who beside them fails, or answers late, is harmed."""
    odd = [name for name in fleet.servers if name.startswith("odd-")]
    good = _probed(fleet, served)
    harmed: set[str] = set()
    misbehaved: set[str] = set()
    ending = time.perf_counter() + HARM_SECONDS
    suffering = asyncio.gather(*(_suffer(fleet, name, misbehaved, ending) for name in odd))
    slowest = 0.0
    while not suffering.done():
        for one in good:
            began = time.perf_counter()
            if not await _answers(fleet, one):
                harmed.add(one.server)
            slowest = max(slowest, time.perf_counter() - began)
        await asyncio.sleep(0.05)
    await suffering
    return {"misbehaving": len(odd), "named": len(misbehaved), "probed": len(good),
            "slowest_probe_ms": round(slowest * 1_000, 1), "harmed": len(harmed)}  # fmt: skip


def _probed(fleet: ToolFleet, served: Served) -> list[Definition]:
    """A finder of each of some servers in this process, and of each one behind HTTP."""
    servers = (*served.wired, *(name for name in served.inside if _reading(served, name)))[: PROBES + HTTP_SERVERS]
    return [one for name in servers for one in fleet.definitions() if one.server == name and _is_finder(one)]


async def _suffer(fleet: ToolFleet, name: str, misbehaved: set[str], ending: float) -> None:
    """Call it again and again, and take whatever comes of it."""
    while time.perf_counter() < ending:
        try:
            if await fleet.discover((name,)):
                misbehaved.add(name)
            definition = fleet.find(name, "read_work")
            if fleet.faults() and any(fault.startswith(f"{name}/") for fault in fleet.faults()):
                misbehaved.add(name)
            if definition is not None:
                await fleet.read(name, "read_work", {"text": "x"}, agent_id="bench")
        except ChimeraError as error:
            if error.where == name:
                misbehaved.add(name)
        await asyncio.sleep(0.2)


async def _answers(fleet: ToolFleet, one: Definition) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            told = await fleet.read(one.server, one.name, {"words": "x"}, agent_id="probe")
    except (ChimeraError, TimeoutError):
        return False
    return told.content == {"text": '{"words":"x"}'}


def main(servers: int, folder: str) -> None:
    """One JSON object on stdout: what was measured, or why nothing could be."""
    logging.disable(logging.WARNING)
    try:
        live = live_servers.installed(Path(folder)) if folder else ()
    except ChimeraError as error:
        sys.stdout.write(msgspec.json.encode({"error": str(error)}).decode() + "\n")
        return
    sys.stdout.write(msgspec.json.encode(uvloop.run(run(servers, live))).decode() + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
