"""`chimera bench memory`: whole searches among many memories, and what they find against looking at every vector."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncpg

import chimera
from chimera import bootstrap
from chimera.adapters.postgres.install import login_of
from chimera.adapters.postgres.recall import PostgresVectors
from chimera.adapters.postgres.sql import query
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import minds
from chimera.bootstrap import Database
from chimera.domain import ids
from chimera.domain.change import Change
from chimera.domain.memory import SHARED, Memory, MemoryKind
from chimera.domain.roles import Role
from chimera.learning.memory import Remembering, kept_event
from chimera.ports.embeddings import Embeddings
from chimera.ports.store import Store
from chimera.settings import Settings

SEARCH_MS_P95_MAX = 20.0
RECALL_MIN = 0.95
EXACT_MAX = 100
# So many other searches before those that are measured.
WARMING = 500
AT_ONCE = 64
IN_ONE_CHANGE = 25
SEED = 7
# Two vectors that differ by less are equally near: which of them is the tenth is no one's fault.
EQUALLY_NEAR = 1e-6


async def run(settings: Settings, *, memories: int, queries: int, fill_only: bool = False) -> dict[str, Any]:
    """Fill a database of its own unless it is full already, search it, and say what was seen, under which settings."""
    dice, words = random.Random(SEED), _vocabulary()
    embeddings = minds.embeddings()
    async with bootstrap.database(settings) as found:
        store = await found.store(Role.OFFICE, writer="office")
        index = await PostgresVectors.open(found.dsn, role=Role.OFFICE, password=found.passwords[Role.OFFICE])
        try:
            memory = Remembering(store=store, index=index, embeddings=embeddings, clock=SystemClock())
            texts = [_text(dice, words, 8, 16) for _ in range(memories)]
            wanted = [_text(dice, words, 4, 8) for _ in range(queries)]
            standing = sum((await store.count(Memory)).values())
            filled = await _fill(found, store, memory, texts) if standing < memories else {}
            warming = [_text(dice, words, 4, 8) for _ in range(WARMING)]
            measured = {} if fill_only else await _measured(memory, index, wanted, warming=warming)
            return {"memories": max(standing, memories), "queries": queries, **filled, **measured,
                    "settings": await _settings(found)}  # fmt: skip
        finally:
            await index.close()
            await store.close()


async def _settings(found: Database) -> dict[str, str]:
    """What the time depends on: how the server is set, how large what it looks through is, and how it looks."""
    keeper = await asyncpg.connect(found.admin_dsn)
    try:
        row = await keeper.fetchrow(query("vector_settings"))
    finally:
        await keeper.close()
    return {name: str(value) for name, value in dict(row or {}).items()}


async def _fill(found: Database, store: Store, memory: Remembering, texts: Sequence[str]) -> dict[str, Any]:
    since = time.perf_counter()
    now_us = await store.now_us()
    kept = [_memory(text, now_us - number * 1_000_000) for number, text in enumerate(texts)]
    changes = [_change(kept[start : start + IN_ONE_CHANGE]) for start in range(0, len(kept), IN_ONE_CHANGE)]
    for start in range(0, len(changes), AT_ONCE):
        await asyncio.gather(*(store.commit(change) for change in changes[start : start + AT_ONCE]))
    stored = time.perf_counter()
    password = found.passwords[Role.MAINTENANCE]
    keeper = await asyncpg.connect(found.dsn, user=login_of(Role.MAINTENANCE), password=password)
    try:
        await keeper.execute(query("drop_vector_index"))
        await memory.embed_missing()
        embedded = time.perf_counter()
        await keeper.execute(query("rebuild_vectors"))
    finally:
        await keeper.close()
    return {"store_seconds": round(stored - since, 1), "embed_seconds": round(embedded - stored, 1),
            "index_seconds": round(time.perf_counter() - embedded, 1)}  # fmt: skip


async def _measured(
    memory: Remembering, index: PostgresVectors, texts: Sequence[str], *, warming: Sequence[str]
) -> dict[str, Any]:
    # A server that has run for a while: one that has just started reads its first searches from the disk.
    for text in warming:
        await memory.search(text, owner="nova")
    took: list[float] = []
    for text in texts:
        since = time.perf_counter()
        await memory.search(text, owner="nova")
        took.append((time.perf_counter() - since) * 1_000)
    took.sort()
    embeddings = minds.embeddings()
    shares = [await _share(index, embeddings, text) for text in texts[:EXACT_MAX]]
    return {
        "search_ms": {name: round(took[int(len(took) * part)], 2)
                      for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))},
        "warmed_by": len(warming),
        "recall_at_10": round(sum(shares) / len(shares), 4),
        "recall_measured_on": len(shares),
    }  # fmt: skip


async def _share(index: PostgresVectors, embeddings: Embeddings, text: str) -> float:
    """How many of the ten nearest the index found."""
    (vector,) = await embeddings.embed([text])
    near = await index.nearest(vector, owners=[SHARED], model=embeddings.model, limit=10)
    exact = await index.nearest_exactly(vector, owners=[SHARED], model=embeddings.model, limit=10)
    return sum(one.likeness >= exact[-1].likeness - EQUALLY_NEAR for one in near) / len(exact)


def _memory(text: str, at_us: int) -> Memory:
    return Memory(id=ids.at_time(at_us, "memory", text), owner=SHARED, kind=MemoryKind.EPISODIC, text=text,
                  labels=("operator",), importance_bp=5_000, at_us=at_us)  # fmt: skip


def _change(memories: Sequence[Memory]) -> Change:
    return Change(records=tuple(memories), events=tuple(kept_event(one, one.at_us) for one in memories))


def _vocabulary() -> list[str]:
    """The words of our own prompts, specs and phrases: enough for texts that differ."""
    house = Path(chimera.__file__).parent
    files = [*house.rglob("*.md"), *house.rglob("*.yaml"), *house.joinpath("rehearsal").glob("*.py")]
    return sorted({word.lower() for file in files for word in re.findall(r"[A-Za-z]{4,}", file.read_text("utf-8"))})


def _text(dice: random.Random, words: Sequence[str], fewest: int, most: int) -> str:
    return " ".join(dice.choice(words) for _ in range(dice.randint(fewest, most)))
