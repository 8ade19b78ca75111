"""Decides the history on record again under another pack, page by page, and says how long it took. Applies nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from chimera.domain.attempt import Attempt
from chimera.domain.policy import PackFiles
from chimera.governance.policy.changes import versions
from chimera.governance.policy.engine import PolicyEngine
from chimera.governance.policy.pack import pack_of
from chimera.learning.backtest import Backtest, Backtester, Difference, decided_in
from chimera.learning.rulings import outcomes_in
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, Reads


class Moved(Struct, frozen=True, kw_only=True):
    """So many decisions that were this and would have been that."""

    before: str
    after: str
    decisions: int


class Replayed(Struct, frozen=True, kw_only=True):
    """A back-test as a table: what would have been held, let through and spent."""

    digest: str
    decisions: int
    asked: int
    distinct: int
    agreeing: int
    changed: int
    moved: tuple[Moved, ...]
    before: Mapping[str, int]
    after: Mapping[str, int]
    spent_before_micros: int
    spent_after_micros: int
    let_through: Mapping[str, int]
    examples: tuple[Difference, ...]
    reading_us: int
    deciding_us: int

    def as_json(self) -> dict[str, Any]:
        """As commands print it."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        reading_us, deciding_us = told.pop("reading_us"), told.pop("deciding_us")
        rate = round(self.decisions * 1_000_000 / deciding_us) if self.decisions and deciding_us else 0
        return {**told, "seconds_reading": reading_us / 1_000_000, "seconds_deciding": deciding_us / 1_000_000,
                "decisions_per_second": rate}  # fmt: skip


async def replayed(reads: Reads, files: PackFiles, *, clock: Clock, since_us: int = 0) -> Replayed:
    """Everything decided since a time, decided again."""
    names = {rule.name for one in await versions(reads) for rule in pack_of(one.files).rules.values()}
    engine = PolicyEngine(pack_of(files))
    tester = Backtester(engine, outcomes=await outcomes_in(reads), rules=names)
    reading_us = deciding_us = 0
    after = ""
    while True:
        began_us = clock.now_us()
        page = await reads.list(Attempt, after=after, limit=LIST_MAX)
        decided, read_us = list(decided_in(page, since_us=since_us)), clock.now_us()
        tester.run(decided)
        reading_us, deciding_us = reading_us + read_us - began_us, deciding_us + clock.now_us() - read_us
        if not page:
            return _table(tester.report, digest=engine.digest, reading_us=reading_us, deciding_us=deciding_us)
        after = page[-1].id


def _table(report: Backtest, *, digest: str, reading_us: int, deciding_us: int) -> Replayed:
    moved = tuple(Moved(before=before, after=after, decisions=count)
                  for (before, after), count in sorted(report.moved.items()))  # fmt: skip
    return Replayed(
        digest=digest, decisions=report.decisions, asked=report.asked, distinct=report.distinct,
        agreeing=report.agreeing, changed=report.changed, moved=moved, before=dict(report.before),
        after=dict(report.after), spent_before_micros=report.spent_before_micros,
        spent_after_micros=report.spent_after_micros,
        let_through={"people_approved": report.let_through_approved, "people_did_not": report.let_through_rejected},
        examples=tuple(report.examples), reading_us=reading_us, deciding_us=deciding_us,
    )  # fmt: skip
