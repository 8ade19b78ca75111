"""Says what a process was started as, for whoever has to find it.

Signals nobody, and shows no option: what stands behind one may be secret.
"""

from __future__ import annotations

import subprocess
from itertools import takewhile
from pathlib import Path

PROBE_SECONDS_MAX = 10.0
WORDS_MAX = 3
MODULES = {"chimera.cli.start": "chimera", "chimera.connectors.sandbox.standing": "the simulated network"}


def words_of(pid: int) -> tuple[str, ...]:
    """The words that it was started with; none where there is no such process, or the system does not tell."""
    try:
        found = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").rstrip("\0").split("\0")
    except OSError:
        found = _asked(pid)
    return tuple(word for word in found if word)


def command_of(pid: int) -> str:
    """Its command as one would type it, such as `chimera up`; empty where it is none of ours, or cannot be known."""
    words = words_of(pid)
    for at, word in enumerate(words[:WORDS_MAX]):
        name = MODULES.get(word) or ("chimera" if Path(word).name == "chimera" else "")
        if name:
            said = takewhile(lambda one: not one.startswith("-"), words[at + 1 :])
            return " ".join((name, *said)[:WORDS_MAX])[:80] if name == "chimera" else name
    return ""


def _asked(pid: int) -> list[str]:
    try:
        shown = subprocess.run(
            ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, check=False,
            timeout=PROBE_SECONDS_MAX,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return []
    return shown.stdout.decode("utf-8", "replace").split()
