"""Where `make live-tools` has put the real servers; a test that needs one that is not there says so and fails."""

from __future__ import annotations

import socket
from pathlib import Path

TOOLS = Path(__file__).parents[2] / ".tools" / "live"


def tool(*parts: str) -> Path:
    found = TOOLS.joinpath(*parts)
    assert found.exists(), f"{found} is not there: make live-tools fetches it"
    return found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
