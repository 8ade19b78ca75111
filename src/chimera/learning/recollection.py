"""Memory in the work: recalls for tasks what their type asks for, and remembers what finished tasks came to.

Hands out words only as labelled data, never as instructions; writes nothing but memories. Both are bounded: so many
memories, so many events, and a recall that takes too long is no recall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chimera.domain import ids, labels
from chimera.domain.attempt import Attempt, attempt_id_at
from chimera.domain.errors import Invalid, Refused, Unavailable
from chimera.domain.event import Event, EventKind
from chimera.domain.grant import Grant
from chimera.domain.memory import SHARED, TEXT_CHARS_MAX, Memory, MemoryKind
from chimera.domain.spec import Spec
from chimera.domain.subjects import author_of
from chimera.domain.task import Task, TaskState
from chimera.domain.work import Material
from chimera.governance import remembering
from chimera.governance.texts import texts_of
from chimera.learning.memory import Remembering, ranked
from chimera.ports.clock import Clock
from chimera.ports.embeddings import Embeddings
from chimera.ports.recall import VectorIndex, Wanted
from chimera.ports.store import LIST_MAX, Reads, news

RECALL_SECONDS_MAX = 0.5
QUESTION_CHARS_MAX = 500
CANDIDATES = 20
LIKENESS_MIN = 0.3
LINKS_MAX = 1_000
BEHIND_MAX = 10_000
KEPT_AT_ONCE_MAX = 25
TRIES_MAX = 40
_SETTLED = f'"{EventKind.TASK_SETTLED}"'.encode()
_EVENT = msgspec.json.Decoder(Event)


class Recollection:
    """Finds memories for tasks that are about to be worked on: their agent's own, and shared ones."""

    def __init__(
        self, *, reads: Reads, index: VectorIndex, embeddings: Embeddings, specs: Mapping[str, Spec], clock: Clock
    ) -> None:
        self._reads = reads
        self._index = index
        self._embeddings = embeddings
        self._many = {name: spec.recall.memories_max for name, spec in specs.items() if spec.recall.memories_max}
        self._clock = clock

    async def for_tasks(self, tasks: Sequence[Task]) -> Mapping[str, tuple[Material, ...]]:
        """Memories by task, without the tasks whose type asks for none; `Unavailable` when it takes too long."""
        asking = [task for task in tasks if task.spec.name in self._many]
        if not asking:
            return {}
        try:
            async with self._clock.timeout(RECALL_SECONDS_MAX):
                return await self._recalled(asking)
        except TimeoutError as error:
            raise Unavailable(
                "memory_slow",
                "what is remembered was not found in time",
                where="memory",
                remedy="nothing; if it lasts, look at the database",
            ) from error

    async def _recalled(self, tasks: Sequence[Task]) -> dict[str, tuple[Material, ...]]:
        vectors = await self._embeddings.embed([question_of(task) for task in tasks])
        wanted = [Wanted(vector, (task.agent_id, SHARED)) for task, vector in zip(tasks, vectors, strict=True)]
        found_near = await self._index.nearest_each(wanted, model=self._embeddings.model, limit=CANDIDATES)
        # What is like one task of a batch is not like the others.
        nearest = [[one for one in near if one.likeness >= LIKENESS_MIN] for near in found_near]
        named = sorted({one.id for near in nearest for one in near})
        found = {one.id: one for one in await self._reads.get_many(Memory, named)} if named else {}
        now_us = self._clock.now_us()
        recalled: dict[str, tuple[Material, ...]] = {}
        for task, near in zip(tasks, nearest, strict=True):
            best = [one.memory for one in ranked(found, near, now_us=now_us) if may_read(task, one.memory)]
            recalled[task.id] = tuple(map(remembering.material_of, best[: self._many[task.spec.name]]))
        return recalled


def question_of(task: Task) -> str:
    """What a task is about, in its own input's words: by its topic, where it has one.

    A goal's wording, the network and the names of fields stand in every task, and are like no memory.
    """
    topic = task.input.get("topic")
    words = [topic] if isinstance(topic, str) and topic.strip() else texts_of(list(task.input.values()))
    return " ".join(words)[:QUESTION_CHARS_MAX]


def may_read(task: Task, memory: Memory) -> bool:
    """A stranger's words reach a task through memory only where strangers have a part in it already."""
    return labels.is_tainted(task.labels) or not labels.is_tainted(memory.labels)


class Remembrance:
    """Remembers tasks that are done, where their type says what of them. Reads history from its newest events on."""

    def __init__(self, *, memory: Remembering, reads: Reads, specs: Mapping[str, Spec], clock: Clock) -> None:
        self._memory = memory
        self._reads = reads
        self._specs = {spec.ref: spec for spec in specs.values() if spec.recall.keeps}
        self._clock = clock
        self._seen: dict[str, int] = {}
        self._has_begun = False

    async def once(self) -> int:
        """One round; how many memories came of it. Told twice, a task is remembered once."""
        if not self._has_begun:
            # What was kept before a crash and has no vector yet.
            await self._memory.embed_missing()
            self._has_begun = True
        settled = [event for event in await self._news() if event.data.get("state") == TaskState.DONE]
        kept = 0
        for start in range(0, len(settled), KEPT_AT_ONCE_MAX):
            kept += await self._remember(settled[start : start + KEPT_AT_ONCE_MAX])
        return kept

    async def _news(self) -> list[Event]:
        """Tasks that were settled since the last look. Whoever is far behind goes on from nearer to the end."""
        specs = [f'"{ref}"'.encode() for ref in self._specs]
        new = news(self._reads, self._seen, behind_max=BEHIND_MAX, limit=LINKS_MAX)
        told = [link.body async for link in new if _SETTLED in link.body]
        return [_EVENT.decode(body) for body in told if any(spec in body for spec in specs)]

    async def _remember(self, settled: Sequence[Event]) -> int:
        tasks = [task for task in await self._reads.get_many(Task, [one.subject for one in settled])
                 if task.spec in self._specs and not author_of(task.input)]  # fmt: skip
        known = {one.id for one in await self._reads.get_many(Memory, [_memory_id(task) for task in tasks])}
        fresh = [task for task in tasks if _memory_id(task) not in known]
        if not fresh:
            return 0
        attempts, grants = await self._attempts(fresh), await self._grants(fresh)
        made = [self._memory_of(task, attempts.get(task.id), grants.get(task.grant_id or "")) for task in fresh]
        memories = [one for one in made if one is not None]
        if memories:
            await self._memory.keep_all(memories)
        return len(memories)

    async def _attempts(self, tasks: Sequence[Task]) -> dict[str, Attempt]:
        """The newest attempt of each task, in one read: its id derives from the task and one of its versions."""
        tries = [attempt_id_at(task.id, version) for task in tasks
                 for version in range(max(1, task.version - TRIES_MAX), task.version)]  # fmt: skip
        found: list[Attempt] = []
        for start in range(0, len(tries), LIST_MAX):
            found.extend(await self._reads.get_many(Attempt, tries[start : start + LIST_MAX]))
        return {one.scope: one for one in sorted(found, key=lambda one: one.assignment.task.version)}

    async def _grants(self, tasks: Sequence[Task]) -> dict[str, Grant]:
        named = [task.grant_id for task in tasks if task.grant_id]
        return {one.id: one for one in await self._reads.get_many(Grant, named)} if named else {}

    def _memory_of(self, task: Task, attempt: Attempt | None, grant: Grant | None) -> Memory | None:
        """The memory, or None where nothing may be kept: it looked like an attack, is secret, or says nothing."""
        if attempt is None:
            return None
        asked = self._specs[task.spec].recall
        # What went out, where a person has edited it, not what was drafted.
        acted = grant.action.arguments.get(asked.keeps) if grant else None
        words = str(acted or attempt.draft.output.get(asked.keeps, ""))[:TEXT_CHARS_MAX]
        try:
            text = remembering.worded(words, attempt.draft.labels, importance_bp=asked.importance_bp)
        except (Invalid, Refused):
            return None
        return Memory(
            id=_memory_id(task), owner=task.agent_id, kind=MemoryKind.EPISODIC, text=text, at_us=self._clock.now_us(),
            labels=attempt.draft.labels, importance_bp=asked.importance_bp, sources=(attempt.id,),
        )  # fmt: skip


def _memory_id(task: Task) -> str:
    return ids.derive(task.id, "memory")
