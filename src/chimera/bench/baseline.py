"""What most programs do instead: each attempt locks its windows by `SELECT … FOR UPDATE`, looks, and writes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from chimera.adapters.postgres.sql import query
from chimera.domain.errors import Unavailable

SECONDS_MAX = 12.0


async def run(
    dsn: str, windows: Sequence[str], *, clients: int, attempts: int, amounts: tuple[int, int]
) -> dict[str, Any]:
    """The same windows, amounts and number of clients, in a schema of its own on the same server."""
    try:
        admin = await asyncpg.connect(dsn)
    except (OSError, asyncpg.PostgresError) as error:
        raise Unavailable(
            "baseline_unavailable", str(error), where="bench cfo", remedy="give it a login that may create a schema"
        ) from error
    await admin.execute(query("baseline_tables"))
    await admin.executemany(query("baseline_window"), [(key, 10**9) for key in windows])
    connections = [await asyncpg.connect(dsn) for _ in range(clients)]
    took_us: list[int] = []
    began = time.monotonic()
    share = attempts // clients
    spenders = [_spend(one, sorted(windows), share, amounts, number, took_us) for number, one in enumerate(connections)]
    await asyncio.gather(*spenders)
    seconds = time.monotonic() - began
    over = await admin.fetchval(query("baseline_overspent"))
    await asyncio.gather(*(one.close() for one in connections))
    await admin.close()
    took_us.sort()
    return {
        "per_second": round(len(took_us) / seconds),
        "p50_ms": _ms(took_us, 0.5),
        "p95_ms": _ms(took_us, 0.95),
        "attempts": len(took_us),
        "overspent_micros": over,
    }


async def _spend(
    connection: asyncpg.Connection[Any], windows: Sequence[str], attempts: int, amounts: tuple[int, int], seed: int,
    took_us: list[int],
) -> None:  # fmt: skip
    dice = random.Random(seed)
    gives_up = time.monotonic() + SECONDS_MAX
    for number in range(attempts):
        if time.monotonic() > gives_up:
            return
        began = time.perf_counter_ns()
        amount = dice.randint(*amounts)
        async with connection.transaction():
            rows = await connection.fetch(query("baseline_lock"), list(windows))
            if all(row["held"] + row["spent"] + amount <= row["cap"] for row in rows):
                await connection.execute(query("baseline_hold"), list(windows), amount)
                await connection.execute(query("baseline_record"), f"{seed}-{number}", amount)
        took_us.append((time.perf_counter_ns() - began) // 1_000)


def _ms(ordered: Sequence[int], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1_000, 1) if ordered else 0.0
