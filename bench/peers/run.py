"""Everybody in one run on one PostgreSQL with fsync and synchronous_commit on; environments made when they are missing."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import asyncpg

from chimera.adapters.local.postgres import start_postgres

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ENVIRONMENTS = ROOT / ".peers"
PEERS = ("langgraph", "dbos", "celery", "procrastinate")


def environment(name: str) -> Path:
    """The peer's own Python, with what its line in requirements.txt pins."""
    python = ENVIRONMENTS / name / "bin" / "python"
    if not python.exists():
        line = next(one for one in (HERE / "requirements.txt").read_text().splitlines() if one.startswith(f"{name}:"))
        uv = str(ROOT / ".uv" / "bin" / "uv") if (ROOT / ".uv" / "bin" / "uv").exists() else "uv"
        subprocess.run([uv, "venv", "-q", str(ENVIRONMENTS / name)], check=True)
        subprocess.run([uv, "pip", "install", "-q", "--python", str(python), *line.split()[1:]], check=True)
    return python


def measured(python: Path, script: str, dsn: str, seconds: float) -> dict:
    done = subprocess.run([str(python), str(HERE / script), dsn, str(seconds)], cwd=HERE, capture_output=True,
                          text=True, check=False, timeout=seconds + 180)
    if done.returncode or not done.stdout.strip():
        return {"name": script, "error": (done.stderr or done.stdout)[-400:]}
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(agents: int, seconds: float) -> dict:
    command = [sys.executable, "-m", "chimera.cli.main", "bench", "swarm", "--agents", str(agents), "--seconds",
               str(seconds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds * 10 + 300)
    return json.loads(done.stdout) if done.stdout.strip() else {"error": done.stderr[-400:]}


async def run(seconds: float, agents: int) -> dict:
    with tempfile.TemporaryDirectory(prefix="chimera-peers-") as folder:
        server = await start_postgres(Path(folder) / "home")
        try:
            admin = await asyncpg.connect(server.superuser_dsn)
            found = {}
            for name in ("ceiling", *PEERS):
                await admin.execute(f"CREATE DATABASE peer_{name}")
                dsn = server.superuser_dsn.replace("/chimera?", f"/peer_{name}?")
                python, script = (Path(sys.executable), "ceiling.py") if name == "ceiling" else (
                    environment(name), f"on_{name}.py")
                found[name] = await asyncio.to_thread(measured, python, script, dsn, seconds)
            await admin.close()
        finally:
            await server.stop()
    chimera = await asyncio.to_thread(ours, agents, seconds)
    rate = chimera.get("governed_per_second", 0)
    peers = [found[name] for name in PEERS]
    for one in peers:
        if one.get("governed_per_second"):
            one["ours_is_times"] = round(rate / one["governed_per_second"], 1)
    ceiling = found["ceiling"]
    share = round(rate / ceiling["governed_per_second"], 3) if ceiling.get("governed_per_second") else None
    return {"chimera": chimera, "peers": peers, "ceiling": ceiling, "share_of_ceiling": share,
            "durability": "PostgreSQL with fsync and synchronous_commit on", "load": round(os.getloadavg()[0], 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--agents", type=int, default=2_000)
    chosen = parser.parse_args()
    print(json.dumps(asyncio.run(run(chosen.seconds, chosen.agents))))


if __name__ == "__main__":
    main()
