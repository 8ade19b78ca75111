"""`chimera bench …`: measures the house on this machine, under real durability."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Coroutine, Generator
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
import uvloop

from chimera.bench import api as api_bench
from chimera.bench import best_of as best_of_bench
from chimera.bench import cfo as cfo_bench
from chimera.bench import fraud as fraud_bench
from chimera.bench import growth as growth_bench
from chimera.bench import media_docs as media_bench
from chimera.bench import memory as memory_bench
from chimera.bench import peers as peers_bench
from chimera.bench import recover as recover_bench
from chimera.bench import state as state_bench
from chimera.bench import swarm as swarm_bench
from chimera.bench import swarm_apart
from chimera.bench import tiers as tiers_bench
from chimera.bench import trends as trends_bench
from chimera.bench.feeding import Load
from chimera.cli import autonomy as autonomy_curve
from chimera.cli import output, stopping
from chimera.cli.scoring import Point
from chimera.domain.errors import Invalid, Unavailable
from chimera.domain.record import SHARDS
from chimera.settings import Settings, read_settings

T = TypeVar("T")
app = typer.Typer(name="bench", help="Measurements on this machine, under real durability.", no_args_is_help=True)
AGENTS_MAX = 100_000
SECONDS_MAX = 3_600
MEMORIES_MAX = 1_000_000
ROWS_MAX, LISTENERS_MAX = 100_000_000, 2_000
NETWORKS_MAX = 20
FLEET_MAX, DAYS_MAX, HELD_OUT_SEED = 50, 7, 9_001
IDLE_MAX, MANAGERS_MAX = 1_000_000, 4
ROUNDS_MAX, ARRIVALS_MAX, MODEL_MS_MAX = 1_000, 10_000, 60_000
UPDATES_MIN, UPDATES_MAX = 5_120, 1_000_000
ATTEMPTS_MIN, ATTEMPTS_MAX = 640, 10_000_000
RECALL_MIN, FALSE_POSITIVE_MAX, WITHOUT_PERSON_MIN = 0.95, 0.01, 0.9


@app.command()
def swarm(
    *,
    agents: Annotated[int, typer.Option(help="How many agents take part.")] = 2_000,
    seconds: Annotated[float, typer.Option(help="How long the saturated phase lasts; the paced one half of it.")] = 20,
    in_flight: Annotated[int, typer.Option(help="So many agents, each inside a task all the time; long models.")] = 0,
    per_second: Annotated[float, typer.Option(help="The rate of the paced phase; 0: what the machine carries.")] = 0.0,
    managers: Annotated[int, typer.Option(help="So many managers and a worker as processes of their own.")] = 0,
    in_parts: Annotated[bool, typer.Option("--in-parts", help="Office, effects and a working manager apart.")] = False,
    model_ms: Annotated[float | None, typer.Option(help="What the model takes in the middle; 0: nothing.")] = None,
    without_acts: Annotated[bool, typer.Option("--without-acts", help="Tasks that end with their verdict.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The whole governed path: scan, plan, work, judge, gate, hold, grant, seal, one in ten performed, settled."""
    agents = in_flight or agents
    if managers and (in_flight or in_parts):
        raise Invalid("bench_out_of_range", "--managers is a measurement of its own, beside --in-flight and "
                      "--in-parts", where="bench swarm", remedy="ask for one of them")  # fmt: skip
    if without_acts and (managers or in_parts):
        raise Invalid("bench_out_of_range", "where there are no acts, effects have nothing to do", where="bench swarm",
                      remedy="leave --managers and --in-parts out")  # fmt: skip
    if not (1 <= agents <= AGENTS_MAX and 1 <= seconds <= SECONDS_MAX and 0 <= per_second <= ARRIVALS_MAX
            and 0 <= managers <= MANAGERS_MAX and 0 <= (model_ms or 0.0) <= MODEL_MS_MAX):  # fmt: skip
        raise Invalid("bench_out_of_range", f"{agents} agents for {seconds} s, {per_second} a second",
                      where="bench swarm", remedy=f"1 to {AGENTS_MAX} agents, 1 to {SECONDS_MAX} seconds, at most "
                      f"{ARRIVALS_MAX} arrivals a second, at most {MANAGERS_MAX} managers, models of "
                      f"at most {MODEL_MS_MAX} ms")  # fmt: skip
    load = Load(agents=agents, seconds=seconds, in_flight=bool(in_flight), paced_per_second=per_second,
                model_seconds=None if model_ms is None else model_ms / 1_000, acts=not without_acts)  # fmt: skip
    with _own_home() as settings:
        result = _run(swarm_apart.run(settings, load, managers=managers) if managers
                      else swarm_bench.run(settings, load, in_parts=in_parts))  # fmt: skip
    _say(result, as_json=as_json)
    if result["lost"] or result["doubled"] or result["overspent"] or result["chain"] != "verified":
        raise typer.Exit(1)


@app.command()
def recover(
    *,
    rounds: Annotated[int, typer.Option(help="How often a manager, Valkey and PostgreSQL are killed, in turns.")] = 100,
    agents: Annotated[int, typer.Option(help="How many agents take part.")] = 64,
    per_second: Annotated[float, typer.Option(help="How much arrives in a second, while it is worked off.")] = 150.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """A manager, Valkey and PostgreSQL are killed under load, in processes of their own: how long until all goes on."""
    if not 1 <= agents <= AGENTS_MAX or not 1 <= rounds <= ROUNDS_MAX or not 1 <= per_second <= ARRIVALS_MAX:
        raise Invalid("bench_out_of_range", f"{agents} agents, {rounds} rounds, {per_second} a second",
                      where="bench recover", remedy=f"1 to {AGENTS_MAX} agents, 1 to {ROUNDS_MAX} rounds, "
                      f"1 to {ARRIVALS_MAX} arrivals a second")  # fmt: skip
    trial = recover_bench.Trial(rounds=rounds, agents=agents, per_second=per_second)
    with _own_home() as settings:
        result = _run(recover_bench.run(settings, trial))
    _say(result, as_json=as_json)
    if recover_bench.missed(result):
        raise typer.Exit(1)


@app.command()
def growth(
    *,
    finished: Annotated[int, typer.Option(help="How many finished tasks there are in the end.")] = 10_000_000,
    agents: Annotated[int, typer.Option(help="How many agents take part.")] = 1_000,
    seconds: Annotated[float, typer.Option(help="How long each measurement lasts.")] = 20,
    rounds: Annotated[int, typer.Option(help="How often each of the two is measured, in turns.")] = 2,
    idle: Annotated[int, typer.Option(help="How many idle agents are weighed.")] = 100_000,
    folder: Annotated[str, typer.Option(help="Keep the filled database here, and use what is there.")] = "",
    fill_only: Annotated[bool, typer.Option("--fill-only", help="Fill it, and measure another time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The same load on top of 10,000 finished tasks and of many more; and what an idle agent costs."""
    sizes = growth_bench.Sizes(many=finished, agents=agents, seconds=seconds, idle=idle, few=min(10_000, finished // 2),
                               rounds=rounds)  # fmt: skip
    if not (100 <= finished <= ROWS_MAX and 1 <= agents <= AGENTS_MAX and 1 <= seconds <= SECONDS_MAX
            and 100 <= idle <= IDLE_MAX and 1 <= rounds <= ROUNDS_MAX):  # fmt: skip
        raise Invalid("bench_out_of_range", f"{finished} tasks, {agents} agents, {rounds} × {seconds} s, {idle} idle",
                      where="bench growth", remedy=f"100 to {ROWS_MAX} tasks, 1 to {AGENTS_MAX} agents, 1 to "
                      f"{SECONDS_MAX} seconds, 1 to {ROUNDS_MAX} rounds, 100 to {IDLE_MAX} idle")  # fmt: skip
    with _kept_home(folder) as settings:
        result = _run(growth_bench.prepare(settings, sizes) if fill_only else growth_bench.run(settings, sizes))
    _say(result, as_json=as_json)
    if not fill_only and growth_bench.missed(result):
        raise typer.Exit(1)


@app.command()
def tiers(
    *,
    agents: Annotated[str, typer.Option(help="How many agents, one measurement for each.")] = "100,1000",
    managers: Annotated[str, typer.Option(help="How many managers, one measurement for each.")] = "1,10",
    seconds: Annotated[float, typer.Option(help="How long each measurement lasts.")] = 10,
    per_second: Annotated[float, typer.Option(help="How much arrives in a second.")] = 50.0,
    charts: Annotated[str, typer.Option(help="Draw tiers.svg into this folder.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Messages for each task and tier as agents and managers grow; the orchestrator's in a second."""
    sizes = tiers_bench.Sizes(agents=_numbers(agents, AGENTS_MAX), managers=_numbers(managers, SHARDS),
                              seconds=seconds, per_second=per_second)  # fmt: skip
    if not 1 <= seconds <= SECONDS_MAX or not 1 <= per_second <= ARRIVALS_MAX:
        raise Invalid("bench_out_of_range", f"{seconds} s, {per_second} a second", where="bench tiers",
                      remedy=f"1 to {SECONDS_MAX} seconds, 1 to {ARRIVALS_MAX} arrivals a second")  # fmt: skip
    make_folder(charts)
    with _own_home() as settings:
        result = _run(tiers_bench.run(settings, sizes))
    _draw(charts, "tiers.svg", tiers_bench.chart(result))
    _say(result, as_json=as_json)
    if not tiers_bench.holds(result):
        raise typer.Exit(1)


@app.command()
def peers(
    *,
    seconds: Annotated[float, typer.Option(help="How long each is measured.")] = 10,
    trying_seconds: Annotated[float, typer.Option(help="How long each way to run it is tried before.")] = 2,
    only: Annotated[str, typer.Option(help="These peers alone, such as dbos,celery.")] = "",
    charts: Annotated[str, typer.Option(help="Draw peers.svg into this folder.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The same governed task in LangGraph, DBOS, Celery, procrastinate and as a plain loop, beside ours."""
    chosen, known = tuple(filter(None, only.split(","))), sorted({peer.key for peer in peers_bench.PEERS})
    if not (1 <= seconds <= SECONDS_MAX and 1 <= trying_seconds <= seconds) or not set(chosen) <= set(known):
        raise Invalid("bench_out_of_range", f"{seconds} s after {trying_seconds} s, {only[:40]!r}", where="bench peers",
                      remedy=f"1 to {SECONDS_MAX} seconds, no longer to try; of {', '.join(known)}")  # fmt: skip
    wanted = peers_bench.Wanted(seconds=seconds, trying_seconds=trying_seconds, only=chosen)
    make_folder(charts)
    with _own_home() as settings:
        result = _run(peers_bench.run(settings, wanted))
    _draw(charts, "peers.svg", peers_bench.chart(result))
    _say(result, as_json=as_json)
    if peers_bench.missed(result):
        raise typer.Exit(1)


@app.command()
def state(
    *,
    agents: Annotated[int, typer.Option(help="How many agents beat.")] = 10_000,
    seconds: Annotated[float, typer.Option(help="How long they beat.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Hot state in Valkey: updates a second, bytes for each agent, and how long it takes to be rebuilt after a loss."""
    if not 1 <= agents <= AGENTS_MAX or not 1 <= seconds <= SECONDS_MAX:
        raise Invalid("bench_out_of_range", f"{agents} agents for {seconds} s", where="bench state",
                      remedy=f"1 to {AGENTS_MAX} agents, 1 to {SECONDS_MAX} seconds")  # fmt: skip
    with _own_home() as settings:
        result = _run(state_bench.run(settings, agents=agents, seconds=seconds))
    _say(result, as_json=as_json)
    if not state_bench.holds(result):
        raise typer.Exit(1)


@app.command()
def memory(
    *,
    memories: Annotated[int, typer.Option(help="How many memories there are.")] = 100_000,
    queries: Annotated[int, typer.Option(help="How many searches are measured.")] = 500,
    folder: Annotated[str, typer.Option(help="Keep the filled database here, and use what is there.")] = "",
    fill_only: Annotated[bool, typer.Option("--fill-only", help="Fill it, and measure another time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Searching among many memories: the time of a whole search, and how much of what is nearest it finds."""
    if not 100 <= memories <= MEMORIES_MAX or not 10 <= queries <= 10_000:
        raise Invalid("bench_out_of_range", f"{memories} memories, {queries} searches", where="bench memory",
                      remedy=f"100 to {MEMORIES_MAX} memories, 10 to 10000 searches")  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True) as temporary:
        settings = msgspec.structs.replace(read_settings(), home=str(Path(folder or temporary) / "home"))
        result = _run(memory_bench.run(settings, memories=memories, queries=queries, fill_only=fill_only))
    _say(result, as_json=as_json)
    if fill_only:
        return
    if result["search_ms"]["p95"] >= memory_bench.SEARCH_MS_P95_MAX or result["recall_at_10"] < memory_bench.RECALL_MIN:
        raise typer.Exit(1)


@app.command()
def api(
    *,
    reviews: Annotated[int, typer.Option(help="How many reviews are in the database.")] = 1_000_000,
    events: Annotated[int, typer.Option(help="How many events are in the chains.")] = 10_000_000,
    clients: Annotated[int, typer.Option(help="How many pages listen.")] = 500,
    seconds: Annotated[float, typer.Option(help="How long they listen while the swarm works.")] = 20,
    folder: Annotated[str, typer.Option(help="Keep the filled database here, and use what is there.")] = "",
    fill_only: Annotated[bool, typer.Option("--fill-only", help="Fill it, and measure another time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """The review list among a million, and pages that listen to the stream while the swarm decides 500 a second."""
    if not (1_000 <= reviews <= ROWS_MAX and 1_000 <= events <= ROWS_MAX and 1 <= clients <= LISTENERS_MAX):
        raise Invalid("bench_out_of_range", f"{reviews} reviews, {events} events, {clients} clients", where="bench api",
                      remedy=f"1000 to {ROWS_MAX} rows of each, 1 to {LISTENERS_MAX} clients")  # fmt: skip
    sizes = api_bench.Sizes(reviews=reviews, events=events, clients=clients, seconds=seconds)
    with tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True) as temporary:
        home = Path(folder or temporary) / "home"
        settings = msgspec.structs.replace(read_settings(), home=str(home), api_port=0)
        filled = _run(api_bench.prepare(settings, sizes))
        result = filled if fill_only else _run(api_bench.run(settings, sizes))
    _say(result, as_json=as_json)
    if fill_only:
        return
    if api_bench.missed(result):
        raise typer.Exit(1)


@app.command()
def cfo(
    *,
    attempts: Annotated[int, typer.Option(help="How many attempts the 64 spenders make.")] = 100_000,
    seconds: Annotated[float, typer.Option(help="How long payments come at 200 a second.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Approvals at 200 a second; then 64 spenders on the same windows, beside plain SELECT … FOR UPDATE."""
    if not ATTEMPTS_MIN <= attempts <= ATTEMPTS_MAX or not 1 <= seconds <= SECONDS_MAX:
        raise Invalid("bench_out_of_range", f"{attempts} attempts, {seconds} s", where="bench cfo",
                      remedy=f"{ATTEMPTS_MIN} to {ATTEMPTS_MAX} attempts, 1 to {SECONDS_MAX} seconds")  # fmt: skip
    with _own_home() as settings:
        result = _run(cfo_bench.run(settings, cfo_bench.Wanted(attempts=attempts, seconds=seconds)))
    _say(result, as_json=as_json)
    if result["overspent_micros"] or result["ledger"] != "verified":
        raise typer.Exit(1)


@app.command()
def fraud(
    *,
    seeds: Annotated[str, typer.Option(help="First and last seed, such as 101-106.")] = "101-106",
    agents: Annotated[int, typer.Option(help="How many agents pay.")] = 40,
    days: Annotated[int, typer.Option(help="How many days; the first 14 are only learnt from.")] = 45,
    incidents: Annotated[int, typer.Option(help="How many attacks a seed has.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Planted drain, splitting, look-alikes, velocity and collusion among normal spending: what the CFO sees of it."""
    first, _, last = seeds.partition("-")
    if not (first.isdigit() and (last or first).isdigit()) or not 16 <= days <= 400 or not 8 <= agents <= 1_000:
        raise Invalid("bench_out_of_range", f"seeds {seeds[:20]!r}, {days} days, {agents} agents", where="bench fraud",
                      remedy="seeds 101-106, 16 to 400 days, 8 to 1000 agents")  # fmt: skip
    chosen = range(int(first), int(last or first) + 1)
    if used := sorted(set(chosen).intersection(fraud_bench.TUNED_SEEDS)):
        raise Invalid("bench_out_of_range", f"seeds {used} are those that the factors were tuned on",
                      where="bench fraud", remedy="take others")  # fmt: skip
    result = _run(fraud_bench.run(seeds=chosen, agents=agents, days=days, incidents=incidents))
    _say(result, as_json=as_json)
    undecided = result["allowed_by_gate_rate"] <= WITHOUT_PERSON_MIN or result["held_by_cfo_and_allowed_by_gate"]
    if undecided or result["recall"] < RECALL_MIN or result["false_positive_rate"] > FALSE_POSITIVE_MAX:
        raise typer.Exit(1)


@app.command()
def trends(
    *,
    seeds: Annotated[int, typer.Option(help="How many held-out networks are listened to.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Planted bursts and waves of spam, from seeds that nothing was tuned on: precision, recall, posts a second."""
    if not 1 <= seeds <= NETWORKS_MAX:
        raise Invalid("bench_out_of_range", f"{seeds} seeds", where="bench trends", remedy=f"1 to {NETWORKS_MAX}")
    result = trends_bench.run(tuple(trends_bench.HELD_OUT_SEEDS[0] + number for number in range(seeds)))
    _say(result, as_json=as_json)
    if not trends_bench.holds(result):
        raise typer.Exit(1)


@app.command("best-of")
def best_of(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False) -> None:
    """Choosing among four drafts by a reward model, against chance, on seeds that it has not seen."""
    result = stopping.run(best_of_bench.run())
    _say(result, as_json=as_json)
    if not best_of_bench.holds(result):
        raise typer.Exit(1)


@app.command()
def autonomy(
    *,
    agents: Annotated[int, typer.Option(help="How many personas take part.")] = 6,
    days: Annotated[int, typer.Option(help="How many days of the network's time.")] = 2,
    seeds: Annotated[int, typer.Option(help="How many held-out worlds each rate meets.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Autonomy, needless holds and harm over the rate at which the model misbehaves; whole rehearsals, virtual time."""
    if not 1 <= agents <= FLEET_MAX or not 1 <= days <= DAYS_MAX or not 1 <= seeds <= NETWORKS_MAX:
        raise Invalid("bench_out_of_range", f"{agents} agents, {days} days, {seeds} seeds", where="bench autonomy",
                      remedy=f"1 to {FLEET_MAX} agents, {DAYS_MAX} days, {NETWORKS_MAX} seeds")  # fmt: skip
    points = autonomy_curve.curve(agents=agents, days=days, seeds=range(HELD_OUT_SEED, HELD_OUT_SEED + seeds))
    if as_json:
        output.answer({"agents": agents, "days": days, "seeds": seeds, "curve": msgspec.to_builtins(points)})
    else:
        columns = tuple(Point.__struct_fields__)
        output.table(columns, [tuple(str(value) for value in msgspec.structs.astuple(point)) for point in points])
    if not all(point.holds for point in points):
        raise typer.Exit(1)


@app.command("media-docs")
def media_docs(
    *,
    updates: Annotated[int, typer.Option(help="How many partial updates 512 hands make to 16 documents.")] = 20_480,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
) -> None:
    """Parallel partial updates of the same media documents on real PostgreSQL; none may be lost."""
    if not UPDATES_MIN <= updates <= UPDATES_MAX:
        raise Invalid("bench_out_of_range", f"{updates} updates", where="bench media-docs",
                      remedy=f"{UPDATES_MIN} to {UPDATES_MAX}")  # fmt: skip
    with _own_home() as settings:
        result = _run(media_bench.run(settings, updates=updates))
    _say(result, as_json=as_json)
    if not media_bench.holds(result):
        raise typer.Exit(1)


def _numbers(text: str, most: int) -> tuple[int, ...]:
    """Numbers between commas, each of them at least one."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 1 <= int(part) <= most for part in parts):
        raise Invalid("bench_out_of_range", f"{text[:80]!r} is no list of numbers", where="bench tiers",
                      remedy=f"write one such as 1,10; each 1 to {most}")  # fmt: skip
    return tuple(map(int, parts))


@contextlib.contextmanager
def _kept_home(folder: str) -> Generator[Settings]:
    """The home in a folder that stays; without one, a home for this measurement."""
    if not folder:
        with _own_home() as settings:
            yield settings
        return
    yield msgspec.structs.replace(read_settings(), home=str(Path(folder) / "home"))


@contextlib.contextmanager
def _own_home() -> Generator[Settings]:
    """A home for one measurement, and nothing of it afterwards."""
    with tempfile.TemporaryDirectory(prefix="chimera-bench-", ignore_cleanup_errors=True) as folder:
        yield msgspec.structs.replace(read_settings(), home=str(Path(folder) / "home"))


def _run(measured: Coroutine[Any, Any, T]) -> T:
    """On the quick loop; and told to end, it ends its servers before itself."""
    return stopping.run(measured, loop=uvloop.new_event_loop)


def make_folder(folder: str) -> None:
    """Before anything is measured: minutes of it were lost at the end for a folder that was not there."""
    if not folder:
        return
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable("folder_not_writable", f"the folder cannot be made: {error.strerror}", where=folder,
                          remedy="choose another folder") from error  # fmt: skip


def _draw(folder: str, name: str, drawing: str) -> None:
    if folder:
        (Path(folder) / name).write_text(drawing, "utf-8")


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        output.answer(result)
    else:
        output.table(("figure", "value"), [(name, _shown(value)) for name, value in result.items()])


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {part}" for name, part in value.items())  # pyright: ignore[reportUnknownVariableType]
    return str(value)
