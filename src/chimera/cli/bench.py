"""`chimera bench …`: measures the house on this machine, under real durability."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvloop

from chimera.bench import memory as memory_bench
from chimera.bench import swarm as swarm_bench
from chimera.cli import output
from chimera.domain.errors import Invalid
from chimera.settings import read_settings

app = typer.Typer(name="bench", help="Measurements on this machine, under real durability.", no_args_is_help=True)
AGENTS_MAX = 100_000
SECONDS_MAX = 3_600
MEMORIES_MAX = 1_000_000


@app.command()
def swarm(
    *,
    agents: Annotated[int, typer.Option(help="How many agents take part.")] = 2_000,
    seconds: Annotated[float, typer.Option(help="How long the saturated phase lasts; the paced one half of it.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The whole governed path: scan, plan, work, judge, gate, hold, grant, seal, one in ten performed, settled."""
    if not 1 <= agents <= AGENTS_MAX or not 1 <= seconds <= SECONDS_MAX:
        raise Invalid("bench_out_of_range", f"{agents} agents for {seconds} s", where="bench swarm",
                      remedy=f"1 to {AGENTS_MAX} agents, 1 to {SECONDS_MAX} seconds")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True) as folder:
        settings = msgspec.structs.replace(read_settings(), home=str(Path(folder) / "home"))
        result = uvloop.run(swarm_bench.run(settings, swarm_bench.Load(agents=agents, seconds=seconds)))
    _say(result, as_json=as_json)
    if result["lost"] or result["doubled"] or result["overspent"] or result["chain"] != "verified":
        raise typer.Exit(1)


@app.command()
def memory(
    *,
    memories: Annotated[int, typer.Option(help="How many memories there are.")] = 100_000,
    queries: Annotated[int, typer.Option(help="How many searches are measured.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Searching among many memories: the time of a whole search, and how much of what is nearest it finds."""
    if not 100 <= memories <= MEMORIES_MAX or not 10 <= queries <= 10_000:
        raise Invalid("bench_out_of_range", f"{memories} memories, {queries} searches", where="bench memory",
                      remedy=f"100 to {MEMORIES_MAX} memories, 10 to 10000 searches")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True) as folder:
        settings = msgspec.structs.replace(read_settings(), home=str(Path(folder) / "home"))
        result = uvloop.run(memory_bench.run(settings, memories=memories, queries=queries))
    _say(result, as_json=as_json)
    if result["search_ms"]["p95"] >= memory_bench.SEARCH_MS_P95_MAX or result["recall_at_10"] < memory_bench.RECALL_MIN:
        raise typer.Exit(1)


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.answer(result)
    else:
        output.table(("figure", "value"), [(name, _shown(value)) for name, value in result.items()])


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())  # pyright: ignore[reportUnknownVariableType]
    return str(value)
