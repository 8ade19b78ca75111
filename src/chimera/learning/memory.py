"""Long-term memory: keeps, finds, forgets and sums up. Decides nothing, and hands out words only as labelled data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from msgspec import Struct

from chimera.domain import ids, labels
from chimera.domain.change import Change
from chimera.domain.durations import DAY_US
from chimera.domain.event import Event, EventKind
from chimera.domain.labels import Labels
from chimera.domain.memory import SHARED, TEXT_CHARS_MAX, Memory, MemoryKind
from chimera.governance import remembering
from chimera.ports.clock import Clock
from chimera.ports.embeddings import Embeddings, Vector, likeness
from chimera.ports.recall import Near, VectorIndex
from chimera.ports.store import LIST_MAX, Store

FOUND_MAX = 100
CANDIDATES_PER_FOUND = 4
LIKENESS_WEIGHT, RECENCY_WEIGHT, IMPORTANCE_WEIGHT = 0.7, 0.2, 0.1
HALF_LIFE_DAYS = 14.0
ALIKE = 0.6
SUMMED_MIN = 3
SUMMED_MAX = 20


class Note(Struct, frozen=True, kw_only=True):
    """Something to be remembered."""

    text: str
    labels: Labels
    owner: str = SHARED
    kind: MemoryKind = MemoryKind.EPISODIC
    importance_bp: int = 5_000
    sources: tuple[str, ...] = ()


class Recalled(Struct, frozen=True, kw_only=True):
    """A memory that was found, and why it stands where it stands."""

    memory: Memory
    likeness: float
    score: float


class Remembering:
    """The memory of a fleet. An agent finds its own memories and shared ones, never another's."""

    def __init__(self, *, store: Store, index: VectorIndex, embeddings: Embeddings, clock: Clock) -> None:
        self._store = store
        self._index = index
        self._embeddings = embeddings
        self._clock = clock

    async def keep(self, note: Note) -> Memory:
        """Remember, or `Refused`. The same text of the same owner at the same time is one memory."""
        now_us = self._clock.now_us()
        text = remembering.worded(note.text, note.labels, importance_bp=note.importance_bp)
        memory = Memory(
            id=ids.at_time(now_us, "memory", note.owner, text), owner=note.owner, kind=note.kind, text=text,
            labels=labels.union(note.labels), importance_bp=note.importance_bp, at_us=now_us, sources=note.sources,
        )  # fmt: skip
        await self.keep_all((memory,))
        return memory

    async def keep_all(self, memories: Sequence[Memory]) -> None:
        """Remember in one change what has been worded already."""
        now_us = self._clock.now_us()
        await self._store.commit(
            Change(records=tuple(memories), events=tuple(kept_event(one, now_us) for one in memories))
        )
        await self._embed(memories)

    async def embed_missing(self) -> int:
        """Give vectors to memories that have none: changed ones, or all after a crash or a change of the model."""
        kept, after = 0, ""
        while missing := await self._index.missing(model=self._embeddings.model, limit=LIST_MAX, after=after):
            kept += await self._embed(missing)
            after = missing[-1].id
        return kept

    async def _embed(self, memories: Sequence[Memory]) -> int:
        vectors = await self._embeddings.embed([one.text for one in memories])
        return await self._index.keep(memories, vectors, model=self._embeddings.model)

    async def search(self, text: str, *, owner: str, limit: int = 10) -> tuple[Recalled, ...]:
        """The memories that are most like a text, recent and important ones first among equals."""
        limit = min(limit, FOUND_MAX)
        (vector,) = await self._embeddings.embed([text])
        near = await self._index.nearest(vector, owners=sorted({owner, SHARED}), model=self._embeddings.model,
                                         limit=limit * CANDIDATES_PER_FOUND)  # fmt: skip
        found = await self._store.get_many(Memory, [one.id for one in near])
        return ranked({one.id: one for one in found}, near, now_us=self._clock.now_us())[:limit]

    async def forget(self, memory_id: str, *, by: str, why: str) -> Memory:
        """Take the words out of a memory; its vector goes with them."""
        memory = (await self._store.get(Memory, memory_id)).forgotten()
        await self._store.commit(Change(records=(memory,), events=(self._forgotten_event(memory, by=by, why=why),)))
        return memory

    async def keep_secret(self, memory_id: str, *, by: str, why: str) -> Memory:
        """Put a memory under the label `secret`: whoever recalls it may carry nothing of it out, in reads neither."""
        memory = (await self._store.get(Memory, memory_id)).kept_secret()
        event = Event(kind=EventKind.MEMORY_LABELLED, subject=memory.id, at_us=self._clock.now_us(),
                      data={"labels": list(memory.labels), "by": by, "why": why})  # fmt: skip
        await self._store.commit(Change(records=(memory,), events=(event,)))
        await self._embed((memory,))
        return memory

    async def compact(self, owner: str, *, before_us: int) -> tuple[Memory, ...]:
        """Put old episodes that are alike into summaries, each with the labels of all; the episodes are forgotten."""
        listed = await self._store.list(Memory, states=("kept",), scope=owner)
        old = [one for one in listed if one.at_us < before_us and one.kind is MemoryKind.EPISODIC]
        vectors = await self._embeddings.embed([one.text for one in old])
        return tuple([await self._summed(owner, group) for group in _alike(old, vectors)])

    async def _summed(self, owner: str, group: Sequence[Memory]) -> Memory:
        now_us = self._clock.now_us()
        text = f"{len(group)} times: " + " / ".join(one.text for one in group)
        summary = Memory(
            id=ids.derive(group[0].id, "summary", *(one.id for one in group)), owner=owner, kind=MemoryKind.SUMMARY,
            text=text[:TEXT_CHARS_MAX], labels=labels.union(*(one.labels for one in group)), at_us=group[-1].at_us,
            importance_bp=max(one.importance_bp for one in group), sources=tuple(one.id for one in group),
        )  # fmt: skip
        gone = tuple(one.forgotten() for one in group)
        events = (kept_event(summary, now_us),
                  *(self._forgotten_event(one, by="memory", why="summed up") for one in gone))  # fmt: skip
        await self._store.commit(Change(records=(summary, *gone), events=events))
        await self._embed((summary,))
        return summary

    def _forgotten_event(self, memory: Memory, *, by: str, why: str) -> Event:
        return Event(kind=EventKind.MEMORY_FORGOTTEN, subject=memory.id, at_us=self._clock.now_us(),
                     data={"owner": memory.owner, "by": by, "why": why})  # fmt: skip


def kept_event(memory: Memory, at_us: int) -> Event:
    """That something was remembered: whose, of which kind, from where; never the words."""
    return Event(kind=EventKind.MEMORY_KEPT, subject=memory.id, at_us=at_us,
                 data={"owner": memory.owner, "kind": str(memory.kind), "labels": list(memory.labels)})  # fmt: skip


def ranked(found: Mapping[str, Memory], near: Sequence[Near], *, now_us: int) -> tuple[Recalled, ...]:
    """What was found, the best first; what has been forgotten meanwhile is not there."""
    recalled = [
        Recalled(memory=memory, likeness=one.likeness, score=score(memory, one.likeness, now_us=now_us))
        for one in near
        if (memory := found.get(one.id)) is not None and memory.state == "kept"
    ]
    return tuple(sorted(recalled, key=lambda one: (-one.score, one.memory.id)))


def score(memory: Memory, alike: float, *, now_us: int) -> float:
    """Likeness first; then how recent and how important it is."""
    age_days = max(0, now_us - memory.at_us) / DAY_US
    recency = math.exp2(-age_days / HALF_LIFE_DAYS)
    importance = memory.importance_bp / remembering.IMPORTANCE_BP_MAX
    return LIKENESS_WEIGHT * alike + RECENCY_WEIGHT * recency + IMPORTANCE_WEIGHT * importance


def _alike(memories: Sequence[Memory], vectors: Sequence[Vector]) -> list[list[Memory]]:
    """Groups of memories that are like their first one."""
    groups: list[tuple[Vector, list[Memory]]] = []
    for memory, vector in zip(memories, vectors, strict=True):
        home = next((group for first, group in groups
                     if len(group) < SUMMED_MAX and likeness(first, vector) >= ALIKE), None)  # fmt: skip
        if home is None:
            groups.append((vector, [memory]))
        else:
            home.append(memory)
    return [group for _, group in groups if len(group) >= SUMMED_MIN]
