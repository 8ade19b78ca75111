"""Long lists and sums for people's screens, read from indexes. What they show is never what a decision is made on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from chimera.domain.agent import Agent
from chimera.domain.event import Link
from chimera.domain.grant import Performance
from chimera.domain.record import Record
from chimera.domain.review import Review
from chimera.ports.store import Reads

R = TypeVar("R", bound=Record)


class ReviewQuery(Struct, frozen=True, kw_only=True):
    """Which reviews: those that match every given field, by deadline. `after` is the deadline and id before them."""

    state: str = "open"
    risk: str = ""
    agent_id: str = ""
    assignee: str = ""
    newest_first: bool = False
    after: tuple[int, str] | None = None
    limit: int = 50


class AgentQuery(Struct, frozen=True, kw_only=True):
    """Which agents: by name, beyond `after`."""

    state: str = ""
    text: str = ""
    after: str = ""
    limit: int = 50


class Stretch(Struct, frozen=True, kw_only=True):
    """A part of one chain, and the texts that all have to stand in an event's body."""

    writer: str
    after_seq: int
    to_seq: int
    needles: tuple[bytes, ...] = ()
    newest_first: bool = True
    limit: int = 100


class Ages(Struct, frozen=True, kw_only=True):
    """How long the oldest has waited, by the store's clock; zero when nothing waits.

    `due_tasks` are those that a worker could begin now: their time has come, and no halt keeps them. `managers` are the
    processes whose lease of slots runs: without one nothing is planned, judged or settled.
    """

    due_tasks: int = 0
    oldest_ready_us: int = 0
    oldest_review_us: int = 0
    next_deadline_us: int = 0
    managers: int = 0


class Views(Reads, Protocol):
    """Reads for screens, beside the reads of the store."""

    async def newest(
        self, kind: type[R], *, states: Sequence[str] = (), scope: str | None = None, before: str = "", limit: int,
    ) -> tuple[R, ...]:  # fmt: skip
        """The records of a kind that match, the newest first; `before` is the id of the last that was seen."""
        ...

    async def reviews(self, asked: ReviewQuery) -> tuple[Review, ...]: ...

    async def agents(self, asked: AgentQuery) -> tuple[Agent, ...]: ...

    async def search(self, stretch: Stretch) -> tuple[Link, ...]:
        """The events of a stretch that hold every needle."""
        ...

    async def in_flight(self, *, limit: int) -> tuple[Performance, ...]:
        """Acts that were started and are not answered yet."""
        ...

    async def ages(self) -> Ages: ...

    async def moving(self) -> Mapping[str, int]:
        """How many tasks are on their way, by state. What is over is not counted: it may be millions."""
        ...

    async def waiting_reviews(self) -> Mapping[str, int]:
        """How many reviews wait for a person, by risk."""
        ...
