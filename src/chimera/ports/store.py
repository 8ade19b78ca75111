"""The truth: reads, one write, and claiming (the named exception to one write)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

from msgspec import Struct

from chimera.domain.agent import Agent
from chimera.domain.budget import Window
from chimera.domain.campaign import Campaign
from chimera.domain.change import Change
from chimera.domain.dossier import Dossier
from chimera.domain.event import Link
from chimera.domain.record import Record
from chimera.domain.task import Task

R = TypeVar("R", bound=Record)

LIST_MAX = 1_000
# So many chains are looked at together: what comes of it is held in memory at once.
CHAINS_AT_ONCE_MAX = 20
# Of every task type as many as there are: what a claim goes by while no model turns anything away.
NONE_LIMITED: Mapping[str, int] = MappingProxyType({})


class Head(Struct, frozen=True, kw_only=True):
    """The end of one writer's chain. Whoever opens the writer anew gets the next epoch and fences the one before."""

    writer: str
    epoch: int
    seq: int
    hash: bytes


class Changed(Struct, frozen=True, kw_only=True):
    """Who has changed, with the version that each has now, and the mark from which the next look goes on."""

    mark: int
    versions: Mapping[str, int]


class Reads(Protocol):
    """What can be read. Nothing here changes anything."""

    async def now_us(self) -> int:
        """The time of the store's own clock."""
        ...

    async def find(self, kind: type[R], identifier: str) -> R | None: ...

    async def get(self, kind: type[R], identifier: str) -> R:
        """The record, or `Missing`."""
        ...

    async def get_many(self, kind: type[R], identifiers: Sequence[str]) -> tuple[R, ...]:
        """Those that exist, ordered by id."""
        ...

    async def list(
        self,
        kind: type[R],
        *,
        states: Sequence[str] = (),
        scope: str | None = None,
        shards: Sequence[int] | None = None,
        due_before_us: int | None = None,
        after: str = "",
        limit: int = LIST_MAX,
    ) -> tuple[R, ...]:
        """Records that match every given filter, ordered by id, beyond `after`. At most `LIST_MAX` at once."""
        ...

    async def list_of(self, kind: type[R], scopes: Sequence[str]) -> tuple[R, ...]:
        """All records of some scopes, ordered by id: of kinds of which a scope has few, such as a task's attempts."""
        ...

    async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
        """The version of every record of a kind beyond `after`, by id: of kinds of which there are few, such as agents;
        or of what has just come.
        """
        ...

    async def changed(self, kind: type[Agent] | type[Campaign], *, since: int | None = None) -> Changed:
        """Those that were changed since a mark: all that could not be seen then, and maybe some that could.

        Agents in whatever of them; campaigns in their state, for one more plan of one is no news to who asks this.
        Costs what has changed, not what there is. Without a mark nobody, and where to begin: whoever takes it before it
        reads anything misses nothing.
        """
        ...

    async def dossier(self, grant_id: str) -> Dossier:
        """Everything that is known of a grant, read at one moment; or `Missing`."""
        ...

    async def count(self, kind: type[Record]) -> dict[str, int]:
        """How many records there are, by state."""
        ...

    async def windows(self, identifiers: Sequence[str] = ()) -> tuple[Window, ...]:
        """The windows asked for that exist, or all of them, ordered by id."""
        ...

    async def windows_of(self, span: str, *, gone_bp_min: int = 0) -> tuple[Window, ...]:
        """The windows of one span, such as `day|2026-11-21`, ordered by id; those of which at least this share is gone,
        as spent or overrun.
        """
        ...

    async def windows_page(
        self, spans: Sequence[str], *, scope: str = "", after: str = "", limit: int = LIST_MAX
    ) -> tuple[Window, ...]:
        """The windows of some spans whose ids begin with `scope`, ordered by id, beyond `after`."""
        ...

    async def halted(self) -> frozenset[str]:
        """The scopes that are halted now."""
        ...

    async def heads(self) -> tuple[Head, ...]: ...

    async def links(self, writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]: ...

    async def links_of(self, after: Mapping[str, int], *, limit: int) -> tuple[Link, ...]:
        """The links of several chains in one look: of each at most `limit`, beyond where it says for its writer."""
        ...


class Store(Reads, Protocol):
    """Reads, and the writes of one writer. Every instance is opened for one writer, at one epoch."""

    @property
    def writer(self) -> str: ...

    async def commit(self, change: Change) -> None:
        """All of the change, durably, or nothing.

        `Conflict("record_stale")` when a record is not at the version it was changed from (version 1: must not exist);
        `Conflict("writer_fenced")` when another instance opened this writer;
        `Refused("over_budget")` when a hold has no room, `Refused("halted")` when `begins_in` meets a halt,
        `Refused("grant_not_valid")` when a performance has no sealed, unexpired, untaken grant for it (database clock),
        `Refused("write_not_permitted")` when the writer's role may not write such a record,
        `Invalid` for what cannot be stored at all; `Unavailable` when it was not written.
        """
        ...

    async def claim(
        self, *, shards: Sequence[int], limit: int, lease_seconds: float, most: Mapping[str, int] = NONE_LIMITED
    ) -> tuple[Task, ...]:
        """Lease tasks that are ready and due, or whose lease has run out: best rank first, then longest due.

        The leased task has its next version, state `leased`, attempt + 1, and is due when the lease ends. A task whose
        scope (fleet, its campaign, its agent) is halted is not leased; of the task types in `most` at most so many are.
        """
        ...

    async def close(self) -> None: ...


async def every(
    reads: Reads, kind: type[R], *, states: Sequence[str] = (), scope: str | None = None
) -> AsyncGenerator[R]:
    """Every record that matches, however many there are: page by page, ordered by id."""
    after = ""
    while page := await reads.list(kind, states=states, scope=scope, after=after):
        for one in page:
            yield one
        if len(page) < LIST_MAX:
            return
        after = page[-1].id


async def news(reads: Reads, seen: dict[str, int], *, behind_max: int, limit: int) -> AsyncGenerator[Link]:
    """What is new in every chain, and notes in `seen` how far it went: of a hundred chains a few looks, not a hundred.

    Of each chain at most `limit` links, and none that is further than `behind_max` behind its end.
    """
    after = {
        head.writer: begun
        for head in await reads.heads()
        if head.seq > (begun := max(seen.get(head.writer, 0), head.seq - behind_max))
    }
    writers = sorted(after)
    for start in range(0, len(writers), CHAINS_AT_ONCE_MAX):
        asked = {writer: after[writer] for writer in writers[start : start + CHAINS_AT_ONCE_MAX]}
        found = await reads.links_of(asked, limit=limit)
        seen.update(asked)
        for link in found:
            seen[link.writer] = link.seq
            yield link
