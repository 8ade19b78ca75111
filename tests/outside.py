"""What tests of the gateway share: a fleet with one odd tool server, the gateway beside it, a person's yes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import fleet

EXAMPLES = Path(__file__).parents[1] / "examples"


def tool_servers(home: Path) -> None:
    odd = {"command": sys.executable, "args": ["-m", "chimera.bench.odd_server", "good"]}
    home.mkdir(mode=0o700, exist_ok=True)
    (home / "mcp.json").write_text(json.dumps({"mcpServers": {"odd": odd}}))


def agents(home: Path) -> list[dict[str, Any]]:
    listed = fleet.chimera(home, "agent", "list", "--json")
    assert listed.code == 0, listed
    return [one for one in listed.object["agents"] if "post.publish" in one["permissions"]]


def token_of(home: Path, agent: dict[str, Any]) -> dict[str, str]:
    return fleet.chimera(home, "gateway", "token", agent["name"], "--json").object


@contextmanager
def serving(home: Path) -> Generator[str]:
    """The gateway beside the fleet, and where it listens."""
    said = home.with_name("gateway.out")
    with said.open("wb") as out:
        child = subprocess.Popen(fleet.words("gateway", "serve", "--port", "0"), env=fleet.environment(home),
                                 stdout=out, stdin=subprocess.DEVNULL)  # fmt: skip
    try:
        fleet.until(lambda: "the gateway: http" in said.read_text(), seconds_max=150, what="the gateway listens")
        yield said.read_text().split("the gateway: ")[1].split()[0]
    finally:
        child.terminate()
        assert child.wait(timeout=60) == 0


async def approved(home: Path, review_id: str) -> None:
    listed = await asyncio.to_thread(fleet.chimera, home, "review", "list", "--json")
    assert review_id in listed.out
    shown = (await asyncio.to_thread(fleet.chimera, home, "review", "show", review_id, "--json")).object
    digest = str(shown["digest"])
    ruled = await asyncio.to_thread(fleet.chimera, home, "review", "approve", review_id, "--digest", digest, "--json")
    assert ruled.code == 0, ruled


def example(name: str, url: str, token: str, called: str, *, python: str = sys.executable, **arguments: Any) -> Any:
    """What one of the ten-line examples was told."""
    words = [python, str(EXAMPLES / name), called, json.dumps(arguments)]
    told = subprocess.run(words, env={"PATH": "/usr/bin:/bin", "DOOR_URL": url, "DOOR_TOKEN": token}, check=False,
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)  # fmt: skip
    assert told.returncode == 0, (name, told.stdout[-2000:], told.stderr[-4000:])
    return json.loads(told.stdout.strip().splitlines()[-1])
