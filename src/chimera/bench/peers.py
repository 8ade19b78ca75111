"""`chimera bench peers`: the same governed task as users of other libraries would write it, beside ours, in one run.

What they run stands in `bench/peers` of the repository, each in an environment of its own; we import none of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

import chimera
from chimera.adapters.local.postgres import start_postgres
from chimera.adapters.local.valkey import start_valkey
from chimera.adapters.postgres.sql import query
from chimera.bench import charts
from chimera.bench.spread import conditions
from chimera.domain.errors import Invalid, Missing, Unavailable
from chimera.settings import Settings

ROOT = Path(chimera.__file__).parents[2]
SCRIPTS, ENVIRONMENTS = ROOT / "bench" / "peers", ROOT / ".peers"
# How long a process may take to begin and to end beside what it measures.
AROUND_SECONDS_MAX = 120.0
DURABILITY = "PostgreSQL with fsync and synchronous_commit on"


class Way(Struct, frozen=True, kw_only=True):
    """One way to run a peer: how many processes, how many tasks at once in each, and what else its users choose."""

    processes: int = 1
    at_once: int
    variant: str = "-"


class Peer(Struct, frozen=True, kw_only=True):
    """Somebody else's library, the ways that are tried, and how many times as quick we promise to be."""

    name: str
    key: str
    ways: tuple[Way, ...]
    times_min: float = 0.0


class Measured(Struct, kw_only=True):
    """What one process of a peer says at its end."""

    tasks: int
    seconds: float
    governed_per_second: float


PEERS = (
    Peer(name="LangGraph + AsyncPostgresSaver", key="langgraph", times_min=20.0, ways=(
        Way(at_once=16, variant="sync"), Way(at_once=64, variant="sync"), Way(at_once=64, variant="async"),
        Way(processes=2, at_once=32, variant="sync"), Way(processes=2, at_once=32, variant="async"))),
    Peer(name="DBOS", key="dbos", times_min=20.0, ways=(
        Way(at_once=8), Way(at_once=32), Way(processes=2, at_once=8), Way(processes=2, at_once=24))),
    Peer(name="Celery + PostgreSQL, Valkey as broker", key="celery", times_min=6.0, ways=(
        Way(at_once=2, variant="valkey"), Way(at_once=4, variant="valkey"), Way(at_once=8, variant="valkey"))),
    Peer(name="Celery + PostgreSQL, also as broker", key="celery", times_min=6.0, ways=(
        Way(at_once=2, variant="postgresql"), Way(at_once=4, variant="postgresql"))),
    Peer(name="procrastinate", key="procrastinate", ways=(
        Way(at_once=32), Way(at_once=128), Way(processes=2, at_once=32), Way(processes=2, at_once=64))),
)  # fmt: skip
CEILING = Peer(name="plain claim-and-commit loop", key="ceiling", ways=(Way(at_once=256), Way(at_once=512)))


class Wanted(Struct, frozen=True, kw_only=True):
    """How long each is measured, how long each way is tried before, which peers, and ours with how many agents."""

    seconds: float = 10.0
    trying_seconds: float = 2.0
    only: tuple[str, ...] = ()
    agents: tuple[int, ...] = (500, 1_000, 2_000)

    @property
    def peers(self) -> tuple[Peer, ...]:
        """Those that were asked for."""
        return tuple([peer for peer in PEERS if not self.only or peer.key in self.only])


async def run(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """One after another on one server, ours last; everybody the way that carried most when it was tried."""
    _require_checkout()
    async with _servers(settings) as (dsn, valkey):
        ceiling = await _best(CEILING, wanted, dsn=dsn, valkey=valkey)
        peers = [await _best(peer, wanted, dsn=dsn, valkey=valkey) for peer in wanted.peers]
    ours, whole = await _ours(wanted, "--without-acts"), await _ours(wanted)
    return summed(ours, whole, peers, ceiling, seconds=wanted.seconds)


def summed(
    ours: Mapping[str, Any], whole: Mapping[str, Any], peers: Sequence[Mapping[str, Any]], ceiling: Mapping[str, Any],
    *, seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """With how many times as quick ours is at the task that all of them do, and at one whose act is governed too."""
    rate, share = ours["governed_per_second"], 0.0
    if ceiling.get("governed_per_second"):
        share = rate / ceiling["governed_per_second"]
    told = [{**one, **_times(one, ours_is_times=rate, ours_with_its_act_is_times=whole["governed_per_second"])}
            for one in peers]  # fmt: skip
    return {**conditions(), "seconds": seconds, "durability": DURABILITY, "chimera": dict(ours),
            "chimera_with_acts": dict(whole), "peers": told, "ceiling": dict(ceiling),
            "share_of_ceiling": round(share, 3)}  # fmt: skip


def _times(peer: Mapping[str, Any], **rates: float) -> dict[str, float]:
    slow = peer.get("governed_per_second")
    return {name: round(rate / slow, 1) for name, rate in rates.items()} if slow else {}


def missed(result: Mapping[str, Any]) -> list[str]:
    """Who is not slower by as much as was promised, or gave no figure."""
    asked = {peer.name: peer.times_min for peer in PEERS}
    return [one["name"] for one in result["peers"] if one.get("ours_is_times", 0.0) < max(asked[one["name"]], 1e-9)]


def chart(result: Mapping[str, Any]) -> str:
    """Everybody as a bar."""
    ours = [
        result["chimera"] | {"name": "Chimera, the same task"},
        result["chimera_with_acts"] | {"name": "Chimera, with its act: hold, grant, seal, one in ten performed"},
    ]
    everybody = [*ours, *result["peers"], result["ceiling"]]
    rates = [(one["name"], float(one.get("governed_per_second", 0.0))) for one in everybody]
    return charts.bars(f"The same governed task, {result['machine']}, load {result['load']}", rates)


def _require_checkout() -> None:
    if not SCRIPTS.is_dir():
        raise Missing("bench_peers_away", "the peers' files are not part of the installed package", where="bench peers",
                      remedy="run it from a checkout of the repository")  # fmt: skip


# ── servers and environments ────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def _servers(settings: Settings) -> AsyncGenerator[tuple[str, str]]:
    """One PostgreSQL as ours is, and a Valkey that writes down what it is given, for who needs a broker."""
    server = await start_postgres(settings.folder)
    try:
        valkey = await start_valkey(settings.folder, persist=True)
        try:
            yield server.superuser_dsn, valkey.url
        finally:
            await valkey.stop()
    finally:
        await server.stop()


async def _python(peer: Peer) -> Path:
    """The peer's own Python, with what its line in requirements.txt pins; made when it is missing or pins others."""
    if peer is CEILING:
        return Path(sys.executable)
    pins = (SCRIPTS / "requirements.txt").read_text("ascii").splitlines()
    line = next(one for one in pins if one.startswith(f"{peer.key}:"))
    folder = ENVIRONMENTS / peer.key
    made = folder / "pins.txt"
    if not made.exists() or made.read_text("ascii") != line:
        uv = shutil.which("uv", path=f"{ROOT / '.uv' / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}")
        if uv is None:
            raise Missing("bench_peers_away", "there is no uv to make the peers' environments with",
                          where="bench peers", remedy="run `make setup`")  # fmt: skip
        await _told(uv, "venv", "-q", "--clear", str(folder))
        await _told(uv, "pip", "install", "-q", "--python", str(folder / "bin" / "python"), *line.split()[1:])
        made.write_text(line, "ascii")
    return folder / "bin" / "python"


async def _told(*words: str) -> None:
    child = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL,
                                                 stderr=asyncio.subprocess.PIPE)  # fmt: skip
    _, said = await child.communicate()
    if child.returncode:
        raise Unavailable("bench_peers_away", said.decode(errors="replace")[-300:], where="bench peers",
                          remedy="see whether the package registries can be reached")  # fmt: skip


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def _best(peer: Peer, wanted: Wanted, *, dsn: str, valkey: str) -> dict[str, Any]:
    """Every way for a moment, then the best of them for the whole time."""
    python, tried = await _python(peer), list[dict[str, Any]]()
    for way in peer.ways:
        found = await _run(peer, way, python, dsn=dsn, valkey=valkey, seconds=wanted.trying_seconds)
        tried.append({**msgspec.to_builtins(way), **found})
    rates = [one.get("governed_per_second", 0.0) for one in tried]
    best = peer.ways[rates.index(max(rates))]
    found = await _run(peer, best, python, dsn=dsn, valkey=valkey, seconds=wanted.seconds)
    return {"name": peer.name, **msgspec.to_builtins(best), **found, "tried": tried}


async def _run(peer: Peer, way: Way, python: Path, *, dsn: str, valkey: str, seconds: float) -> dict[str, Any]:
    """One way in a database of its own; all processes at the same time."""
    script = SCRIPTS / ("ceiling.py" if peer is CEILING else f"on_{peer.key}.py")
    own = await _fresh_database(dsn)
    command = [str(python), str(script), own]
    tails = [[str(way.at_once), str(number), way.variant] for number in range(way.processes)]
    try:
        if peer is not CEILING:
            await _said([*command, "0", *tails[0]], valkey=valkey, seconds=0.0)
        said = await asyncio.gather(*(_said([*command, str(seconds), *tail], valkey=valkey, seconds=seconds)
                                      for tail in tails))  # fmt: skip
        found = [msgspec.json.decode(one, type=Measured) for one in said]
    except (Unavailable, msgspec.DecodeError) as error:
        return {"error": str(error)[-300:]}
    return {"tasks": sum(one.tasks for one in found), "seconds": max(one.seconds for one in found),
            "governed_per_second": round(sum(one.governed_per_second for one in found), 1)}  # fmt: skip


async def _said(command: Sequence[str], *, valkey: str, seconds: float) -> bytes:
    child = await asyncio.create_subprocess_exec(
        "env", f"PEER_VALKEY={valkey}", *command, cwd=SCRIPTS, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds + AROUND_SECONDS_MAX):
            out, said = await child.communicate()
    except TimeoutError:
        os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
        raise Unavailable("bench_peers_away", "it did not come to its end in time", where=command[1],
                          remedy="run its file under bench/peers by hand") from None  # fmt: skip
    if child.returncode:
        raise Unavailable("bench_peers_away", said.decode(errors="replace")[-300:], where=command[1],
                          remedy="run its file under bench/peers by hand")  # fmt: skip
    return out.strip().splitlines()[-1] if out.strip() else b""


async def _fresh_database(dsn: str) -> str:
    """A database that nothing was done in."""
    admin = await asyncpg.connect(dsn)
    try:
        for name in ("drop_peer", "make_peer"):
            await admin.execute(query(name))
    finally:
        await admin.close()
    return dsn.replace("/chimera?", "/peer?")


async def _ours(wanted: Wanted, *options: str) -> dict[str, Any]:
    """`bench swarm` as a process of its own, without model latency too, with the number of agents that carries most."""
    tried: list[dict[str, Any]] = []
    for agents in wanted.agents:
        found = await _swarm(agents, max(3.0, wanted.trying_seconds), *options)
        tried.append({"agents": agents, "governed_per_second": found["governed_per_second"]})
    best = max(tried, key=lambda one: one["governed_per_second"])
    return {**await _swarm(best["agents"], wanted.seconds, *options), "tried": tried}


async def _swarm(agents: int, seconds: float, *options: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "chimera.cli.start", "bench", "swarm", "--agents", str(agents), "--seconds",
               str(seconds), "--model-ms", "0", "--json", *options]  # fmt: skip
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    out, _ = await child.communicate()
    if child.returncode not in (0, 1) or not out.strip():
        raise Invalid("bench_broke_off", "our own measurement did not come to its end", where="bench peers",
                      remedy="see the lines above")  # fmt: skip
    return msgspec.json.decode(out)
