"""What a measurement notes of a run beside its books: how long statements took, and whose errors there were."""

from __future__ import annotations

from collections import Counter

from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.store import PostgresStore, open_reads, open_store
from chimera.bootstrap import Database
from chimera.domain.event import EventKind, Link
from chimera.domain.roles import Role
from chimera.ports.store import Reads

KINDS = ("planner", "worker", "judge", "cfo")
_REFUSED_PLAN, _FAILED_WORK, _DENIED = (
    f'"kind":"{kind}"'.encode() for kind in (EventKind.PLAN_REFUSED, EventKind.WORK_FAILED, EventKind.ACTION_DENIED)
)


class Statements:
    """How long each statement took, from sending it to its last row, as its client saw it."""

    def __init__(self) -> None:
        self._took: list[float] = []
        self.count = 0

    def took(self, seconds: float) -> None:
        """One more."""
        self._took.append(seconds)
        self.count += 1

    def forget(self) -> None:
        """Begin a new phase."""
        self._took.clear()

    def queries_ms(self) -> dict[str, float]:
        """How many there were, the 95th percentile, and the worst."""
        ordered = sorted(self._took) or [0.0]
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return {"count": len(self._took), "p95": round(p95 * 1_000, 1), "worst": round(ordered[-1] * 1_000, 1)}


class ObservedDatabase(Database, frozen=True, kw_only=True):
    """The database, with every statement of its stores timed."""

    statements: Statements

    async def store(self, role: Role, *, writer: str) -> PostgresStore:
        """Open it for one writer."""
        return await open_store(self.dsn, writer=writer, role=role, password=self.passwords[role], keys=self.keys,
                                took=self.statements.took)  # fmt: skip

    async def reads(self) -> PostgresReads:
        """Open it for reading."""
        return await open_reads(self.dsn, role=Role.AUDITOR, password=self.passwords[Role.AUDITOR], keys=self.keys,
                                took=self.statements.took)  # fmt: skip


def observed(found: Database, statements: Statements) -> ObservedDatabase:
    """The same database, observed."""
    return ObservedDatabase(dsn=found.dsn, passwords=found.passwords, keys=found.keys, journal=found.journal,
                            admin_dsn=found.admin_dsn, statements=statements)  # fmt: skip


async def errors(reads: Reads) -> dict[str, int]:
    """How many steps went wrong, by whose they were, from what is on record."""
    found: Counter[str] = Counter()
    for head in await reads.heads():
        after = 0
        while page := await reads.links(head.writer, after_seq=after):
            found.update(kind for link in page if (kind := whose(link)))
            after = page[-1].seq
    return {kind: found[kind] for kind in KINDS}


def whose(link: Link) -> str:
    """Whose error an event tells of; empty where it tells of none."""
    if _REFUSED_PLAN in link.body:
        return "planner"
    if _FAILED_WORK in link.body:
        return "judge" if b"the judge gave no verdict" in link.body else "worker"
    if _DENIED in link.body and (b"over_budget" in link.body or b"cfo" in link.body):
        return "cfo"
    return ""
