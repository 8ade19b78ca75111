"""How much processor time each process of a measured house took, the servers with all their children. Linux only."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

PROC = Path("/proc")
# What a process is called that was not named, by what its command line begins with or holds.
_SERVERS = (("postgres", "postgres"), ("valkey", "valkey"), ("redis", "valkey"), ("vault", "vault"))


def seconds(named: Mapping[str, int]) -> Counter[str]:
    """By name: those that are named, the servers beneath us, and ourselves. Empty where there is no /proc."""
    if not (PROC / "self" / "stat").exists():
        return Counter()
    names = {pid: name for name, pid in named.items()}
    took: Counter[str] = Counter()
    for pid, ticks in _beneath(os.getpid()).items():
        took[names.get(pid) or _server(pid)] += ticks
    per_second = os.sysconf("SC_CLK_TCK")
    return Counter({name: ticks / per_second for name, ticks in took.items()})


def us_each(worked: Counter[str], many: int) -> dict[str, int]:
    """Microseconds for each of so many, by name, and of all together."""
    each = {name: round(1e6 * took / max(1, many)) for name, took in worked.items()}
    return {**each, "together": sum(each.values())} if each else {}


def resident_mb_max(named: Mapping[str, int]) -> int:
    """The most memory that these ever had, added up. 0 where there is no /proc."""
    total = 0
    for pid in named.values():
        with contextlib.suppress(OSError):
            found = re.search(r"VmHWM:\s+(\d+) kB", (PROC / str(pid) / "status").read_text())
            total += int(found[1]) if found else 0
    return total // 1024


def _beneath(root: int) -> dict[int, int]:
    """Every process beneath this one, and itself, with its ticks."""
    children, ticks = defaultdict[int, list[int]](list), dict[int, int]()
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        children[int(fields[1])].append(pid)
        ticks[pid] = int(fields[11]) + int(fields[12])
    found, open_ends = dict[int, int](), [root]
    while open_ends:
        pid = open_ends.pop()
        found[pid] = ticks.get(pid, 0)
        open_ends.extend(children[pid])
    return found


def _server(pid: int) -> str:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "ended"
    return next((name for part, name in _SERVERS if part in words), "office")
