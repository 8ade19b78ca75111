"""`chimera memory …`: what the fleet remembers: search it, look at one, add one, forget one, sum up what is old."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

import msgspec
import typer

from chimera import bootstrap
from chimera.assembly import minds, people
from chimera.cli import output, stopping
from chimera.domain import ids, labels
from chimera.domain.durations import DAY_US
from chimera.domain.memory import SHARED, Memory, MemoryKind
from chimera.domain.person import Principal
from chimera.domain.roles import Role
from chimera.governance.agents import agent_called
from chimera.learning.memory import Note, Remembering
from chimera.ports.store import Store
from chimera.settings import read_settings

app = typer.Typer(name="memory", help="What the fleet remembers.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Owner = Annotated[str, typer.Option(help="Whose: an agent's name or id; shared memories are everybody's.")]
MemoryId = Annotated[str, typer.Argument(help="The memory's id.")]


@contextlib.asynccontextmanager
async def _opened() -> AsyncGenerator[tuple[Store, Remembering]]:
    async with bootstrap.running_or_own_database(read_settings()) as found:
        store = await found.free_store("cli")
        try:
            password = found.passwords[Role.OFFICE]
            async with minds.remembering(store, dsn=found.dsn, password=password) as memory:
                yield store, memory
        finally:
            await store.close()


async def _asked_by(store: Store) -> str:
    """The name of whoever sits here, who may change what agents know."""
    return (await people.permitted_here(read_settings(), store, "agent.change")).name


async def _reader(store: Store) -> Principal:
    """Whoever sits here, who may see what the fleet does; that they read goes on record with what they read."""
    return await people.permitted_here(read_settings(), store, "fleet.look")


async def _owner_id(store: Store, owner: str) -> str:
    """The id that memories are kept under; an agent is known by its name, too."""
    return owner if owner == SHARED else (await agent_called(store, owner)).id


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What it is about, in words.")],
    *,
    owner: Owner = SHARED,
    limit: Annotated[int, typer.Option(help="How many at most, 1 to 100.")] = 10,
    as_json: Json = False,
) -> None:
    """Find memories by meaning; among equals recent and important ones come first."""

    async def work() -> list[dict[str, Any]]:
        async with _opened() as (store, memory):
            by = await _reader(store)
            found = await memory.search(text, owner=await _owner_id(store, owner), limit=max(1, limit))
            await people.looked(store, by, at="memories")
            return [{**_shown(one.memory), "likeness": round(one.likeness, 4), "score": round(one.score, 4)}
                    for one in found]  # fmt: skip

    found = stopping.run(work())
    if as_json:
        output.answer({"memories": found})
        return
    columns = ("score", "kind", "owner", "labels", "text")
    output.table(columns, [(str(one["score"]), one["kind"], one["owner"], " ".join(one["labels"]), one["text"])
                           for one in found])  # fmt: skip


@app.command()
def show(memory_id: MemoryId, *, as_json: Json = False) -> None:
    """Show one memory with its labels and sources."""

    async def work() -> Memory:
        async with _opened() as (store, _):
            by = await _reader(store)
            found = await store.get(Memory, ids.parse(memory_id))
            await people.looked(store, by, at="memories", record=found.id)
            return found

    _say(stopping.run(work()), as_json=as_json)


@app.command()
def keep(
    text: Annotated[str, typer.Argument(help="What is to be remembered.")],
    *,
    owner: Owner = SHARED,
    importance: Annotated[int, typer.Option(help="How important it is, 0 to 10000.")] = 5_000,
    as_json: Json = False,
) -> None:
    """Remember something that the operator says."""

    async def work() -> Memory:
        async with _opened() as (store, memory):
            await _asked_by(store)
            note = Note(text=text, labels=labels.TRUSTED, owner=await _owner_id(store, owner), kind=MemoryKind.SEMANTIC,
                        importance_bp=importance)  # fmt: skip
            return await memory.keep(note)

    _say(stopping.run(work()), as_json=as_json)


@app.command()
def forget(
    memory_id: MemoryId,
    *,
    why: Annotated[str, typer.Option(help="Why; it goes on record.")] = "asked by the operator",
    as_json: Json = False,
) -> None:
    """Take the words out of a memory, and its vector with them. That there was one stays on record."""
    _change(memory_id, lambda memory, one, by: memory.forget(one, by=by, why=why), as_json=as_json)


@app.command()
def secret(
    memory_id: MemoryId,
    *,
    why: Annotated[str, typer.Option(help="Why; it goes on record.")] = "asked by the operator",
    as_json: Json = False,
) -> None:
    """Keep a memory secret: nothing of it leaves the house, in the arguments of reads neither. For good."""
    _change(memory_id, lambda memory, one, by: memory.keep_secret(one, by=by, why=why), as_json=as_json)


@app.command()
def compact(
    *,
    owner: Owner = SHARED,
    older_than: Annotated[int, typer.Option(help="Only episodes older than so many days.")] = 30,
    as_json: Json = False,
) -> None:
    """Put old episodes that are alike into summaries."""

    async def work() -> tuple[Memory, ...]:
        async with _opened() as (store, memory):
            await _asked_by(store)
            before_us = await store.now_us() - max(0, older_than) * DAY_US
            return await memory.compact(await _owner_id(store, owner), before_us=before_us)

    summaries = stopping.run(work())
    if as_json:
        output.answer({"summaries": [_shown(one) for one in summaries]})
        return
    output.table(("id", "of", "text"), [(one.id, str(len(one.sources)), one.text) for one in summaries])


def _change(
    memory_id: str, change: Callable[[Remembering, str, str], Awaitable[Memory]], *, as_json: bool
) -> None:  # fmt: skip
    """Change one memory in the name of whoever sits here, and show it."""

    async def work() -> Memory:
        async with _opened() as (store, memory):
            return await change(memory, ids.parse(memory_id), await _asked_by(store))

    _say(stopping.run(work()), as_json=as_json)


def _shown(memory: Memory) -> dict[str, Any]:
    return msgspec.to_builtins(memory)


def _say(memory: Memory, *, as_json: bool) -> None:
    if as_json:
        output.answer(_shown(memory))
        return
    output.table(("field", "value"), [(name, str(value)) for name, value in _shown(memory).items()])
