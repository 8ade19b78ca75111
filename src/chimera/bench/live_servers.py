"""Real tool servers from PyPI and npm, at the versions that are written down, in a folder of their own. Runs none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from chimera.adapters.mcp.fleet.entries import Entry, Limits
from chimera.bench.tool_corpus import DATA
from chimera.domain.errors import Unavailable

INSTALL_SECONDS_MAX = 900
LIMITS = Limits(connect_seconds_max=18.0)


class Live(Struct, frozen=True, kw_only=True):
    """One package, and how its server is started."""

    server: str
    registry: str
    package: str
    version: str
    script: str
    args: tuple[str, ...]
    env: dict[str, str]


def live() -> tuple[Live, ...]:
    """Every server that the bench starts."""
    return tuple(msgspec.json.decode((DATA / "live.json").read_bytes(), type=list[Live]))


def installed(folder: Path) -> tuple[Entry, ...]:
    """An entry for each, installed by the registries' own clients if that was not done before."""
    wanted = live()
    mark = folder / "installed.json"
    order = msgspec.json.encode(wanted)
    if not mark.is_file() or mark.read_bytes() != order:
        _install(folder, wanted)
        mark.write_bytes(order)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    return tuple(_entry(folder, work, one) for one in wanted)


def _install(folder: Path, wanted: tuple[Live, ...]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    named = {kind: [one for one in wanted if one.registry == kind] for kind in ("npm", "pypi")}
    (folder / "package.json").write_text('{"private": true}')
    packages = [f"{one.package}@{one.version}" for one in named["npm"]]
    _run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), *packages])
    _run([sys.executable, "-m", "venv", str(folder / "venv")])
    packages = [f"{one.package}=={one.version}" for one in named["pypi"]]
    _run([str(folder / "venv" / "bin" / "pip"), "install", "--quiet", *packages])


def _run(command: list[str]) -> None:
    program = shutil.which(command[0])
    if program is None:
        raise Unavailable("bench_servers_missing", f"there is no {command[0]} on this machine", where="bench",
                          remedy="install it, or measure without the real servers: --no-real")  # fmt: skip
    try:
        done = subprocess.run([program, *command[1:]], capture_output=True, timeout=INSTALL_SECONDS_MAX, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(
            "bench_servers_missing",
            f"{command[0]} took too long",
            where="bench",
            remedy="look at npm and pip, or measure with --no-real",
        ) from error
    if done.returncode:
        raise Unavailable("bench_servers_missing", done.stderr.decode("utf-8", "replace")[-300:], where=command[0],
                          remedy="look at the registry's client, or measure without: --no-real")  # fmt: skip


def _entry(folder: Path, work: Path, one: Live) -> Entry:
    args = tuple(word.format(work=work) for word in one.args)
    if one.registry == "npm":
        script = str(folder / "node_modules" / one.package / one.script)
        command, args = shutil.which("node") or "node", (script, *args)
    else:
        command = str(folder / "venv" / "bin" / one.script)
    return Entry(name=one.server, command=command, args=args, env=one.env, cwd=str(work), limits=LIMITS)
