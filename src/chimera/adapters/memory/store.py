"""The truth in memory, for simulation: the same answers as PostgreSQL, in virtual time. Keeps nothing for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from chimera.adapters.memory.database import Chain, Limit, MemoryDatabase, Table
from chimera.domain import refusals, rows, scopes
from chimera.domain.agent import Agent
from chimera.domain.budget import Cap, Movement, Window, apply
from chimera.domain.campaign import Campaign
from chimera.domain.caps import key_of, standing_micros
from chimera.domain.change import Change
from chimera.domain.dossier import Dossier
from chimera.domain.event import Link, link_hash
from chimera.domain.grant import Batch, Grant, Seal
from chimera.domain.kinds import NAMES
from chimera.domain.quotas import AGENT_PERIOD
from chimera.domain.record import Record
from chimera.domain.roles import CLAIMS, MAY_READ, MOVES_MONEY, WRITES, Role, may_write
from chimera.domain.rows import Row, Written
from chimera.domain.spending import FULL_BP
from chimera.domain.task import Task
from chimera.ports.clock import Clock
from chimera.ports.store import LIST_MAX, NONE_LIMITED, Changed, Head

R = TypeVar("R", bound=Record)
CLAIM_MAX = 1_000


class MemoryReads:
    """The reads of `ports.store`."""

    def __init__(self, database: MemoryDatabase, *, role: Role, clock: Clock) -> None:
        self._database = database
        self._role = role
        self._clock = clock

    async def now_us(self) -> int:
        return self._clock.now_us()

    async def find(self, kind: type[R], identifier: str) -> R | None:
        row = self._table(kind).rows.get(identifier)
        return None if row is None else _record(kind, row)

    async def get(self, kind: type[R], identifier: str) -> R:
        record = await self.find(kind, identifier)
        if record is None:
            raise refusals.unknown(NAMES[kind], identifier)
        return record

    async def get_many(self, kind: type[R], identifiers: Sequence[str]) -> tuple[R, ...]:
        found = self._table(kind).rows
        return tuple([_record(kind, found[key]) for key in sorted(set(identifiers)) if key in found])

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
        found: list[R] = []
        for row in self._table(kind).of(states=states, scope=scope, after=after):
            if len(found) == min(limit, LIST_MAX):
                break
            if _matches(row, states=states, scope=scope, shards=shards, due_before_us=due_before_us):
                found.append(_record(kind, row))
        return tuple(found)

    async def list_of(self, kind: type[R], scopes: Sequence[str]) -> tuple[R, ...]:
        table = self._table(kind)
        found = [row for scope in set(scopes) for row in table.of(states=(), scope=scope, after="")]
        return tuple([_record(kind, row) for row in sorted(found, key=lambda row: row.id)])

    async def versions(self, kind: type[Record], *, after: str = "") -> dict[str, int]:
        return {row.id: row.version for row in self._table(kind).rows.values() if row.id > after}

    async def changed(self, kind: type[Agent] | type[Campaign], *, since: int | None = None) -> Changed:
        table = self._table(kind)
        fresh = table.changed(table.puts if since is None else since)
        return Changed(mark=table.puts, versions={row.id: row.version for row in fresh})

    async def dossier(self, grant_id: str) -> Dossier:
        # No await that gives way in it: all is as it stands at one moment.
        grant, seal = await self.get(Grant, grant_id), await self.find(Seal, grant_id)
        return Dossier(
            grant=grant,
            seal=seal,
            batch=await self.find(Batch, seal.batch_id) if seal else None,
            agent=await self.find(Agent, grant.terms.agent_id),
            halted=await self.halted(),
            now_us=await self.now_us(),
        )

    async def count(self, kind: type[Record]) -> dict[str, int]:
        return self._table(kind).count()

    async def windows(self, identifiers: Sequence[str] = ()) -> tuple[Window, ...]:
        self._require_readable("hold", "budget windows")
        windows = self._database.windows
        return tuple([windows[key] for key in sorted(identifiers or windows) if key in windows])

    async def windows_of(self, span: str, *, gone_bp_min: int = 0) -> tuple[Window, ...]:
        return tuple([window for window in await self.windows() if window.span == span
                      and window.gone_micros * FULL_BP >= window.cap_micros * gone_bp_min])  # fmt: skip

    async def windows_page(
        self, spans: Sequence[str], *, scope: str = "", after: str = "", limit: int = LIST_MAX
    ) -> tuple[Window, ...]:
        found = [window for window in await self.windows() if window.span in spans and window.id.startswith(scope)]
        return tuple([window for window in found if window.id > after][: min(limit, LIST_MAX)])

    async def halted(self) -> frozenset[str]:
        self._require_readable("halt", "halt")
        return self._database.halted()

    async def heads(self) -> tuple[Head, ...]:
        return tuple(
            [
                Head(writer=writer, epoch=chain.epoch, seq=chain.seq, hash=chain.hash)
                for writer, chain in sorted(self._database.chains.items())
            ]
        )

    async def links(self, writer: str, *, after_seq: int = 0, limit: int = LIST_MAX) -> tuple[Link, ...]:
        chain = self._database.chains.get(writer)
        return tuple(chain.links[after_seq : after_seq + min(limit, LIST_MAX)]) if chain else ()

    async def links_of(self, after: Mapping[str, int], *, limit: int) -> tuple[Link, ...]:
        found = [await self.links(writer, after_seq=seq, limit=limit) for writer, seq in sorted(after.items())]
        return tuple(link for links in found for link in links)

    async def close(self) -> None:
        return

    def _table(self, kind: type[Record]) -> Table:
        self._require_readable(NAMES[kind], NAMES[kind])
        return self._database.tables[NAMES[kind]]

    def _require_readable(self, kind: str, what: str) -> None:
        if kind not in MAY_READ[self._role]:
            raise refusals.not_readable(what)


class MemoryStore(MemoryReads):
    """A `ports.store.Store` for one writer at one epoch. Several of them share one database."""

    def __init__(self, database: MemoryDatabase, *, writer: str, role: Role, clock: Clock) -> None:
        super().__init__(database, role=role, clock=clock)
        self._writer = writer
        self._chain = _open(database, writer, role)
        self._epoch = self._chain.epoch

    @property
    def writer(self) -> str:
        return self._writer

    async def commit(self, change: Change) -> None:
        # No await in it: a change is written in one piece, as in one transaction.
        written = rows.write(change)
        rows.require_sound((written,))
        self._commit(written)

    async def claim(
        self, *, shards: Sequence[int], limit: int, lease_seconds: float, most: Mapping[str, int] = NONE_LIMITED
    ) -> tuple[Task, ...]:
        if self._role not in CLAIMS:
            raise refusals.not_permitted("leases")
        self._require_open()
        halted, now_us = self._database.halted(), self._clock.now_us()
        if scopes.FLEET in halted:
            return ()
        table = self._database.tables["task"]
        due = [row for row in table.claimable(shards) if row.due_us is not None and row.due_us <= now_us]
        chosen, left = list[Task](), dict(most)
        for row in sorted(due, key=lambda row: (row.rank, row.due_us, row.id)):
            if len(chosen) == min(limit, CLAIM_MAX):
                break
            task = _record(Task, row)
            if left.get(task.spec.name, 1) <= 0:
                continue
            if halted.isdisjoint((scopes.campaign(task.campaign_id), scopes.agent(task.agent_id))):
                if task.spec.name in left:
                    left[task.spec.name] -= 1
                leased = row._replace(
                    version=row.version + 1, state="leased", due_us=now_us + round(lease_seconds * 1_000_000)
                )
                table.put(leased)
                chosen.append(_record(Task, leased))
        return tuple(chosen)

    def _commit(self, written: Written) -> None:
        self._require_open()
        ordered = sorted(written.rows)
        self._check_rights(ordered, written.movements)
        self._check_versions(ordered)
        for row in ordered:
            if row.kind == "cap":
                self._check_cap(row)
            if row.kind == "performance" and row.verb == "insert":
                self._check_performance(row, ordered)
        for scope in sorted(self._database.halted().intersection(written.begins_in)):
            raise refusals.halted(scope)
        moved = self._moved(written.movements)
        self._database.windows.update(moved)
        for row in ordered:
            self._database.tables[row.kind].put(row)
            if row.kind == "cap":
                self._limit(row)
        for body in written.events:
            seq = self._chain.seq + 1
            self._chain.links.append(
                Link(writer=self._writer, seq=seq, body=body, hash=link_hash(self._chain.hash, seq, body))
            )

    def _require_open(self) -> None:
        if self._chain.epoch != self._epoch:
            raise refusals.fenced(self._writer)

    def _check_rights(self, ordered: Sequence[Row], movements: Sequence[Movement]) -> None:
        for row in ordered:
            if not may_write(self._role, row.kind, version=row.version, state=row.state):
                raise refusals.not_permitted(f"{row.verb} {row.kind} {row.state}")
        if movements and self._role not in MOVES_MONEY:
            raise refusals.not_permitted(f"move {movements[0].windows[0]}")

    def _check_versions(self, ordered: Sequence[Row]) -> None:
        for row in ordered:
            old = self._database.tables[row.kind].rows.get(row.id)
            if (0 if old is None else old.version) != row.version - 1:
                raise refusals.stale(f"{row.kind} {row.id}")

    def _check_cap(self, row: Row) -> None:
        cap = _record(Cap, row)
        standing = self._database.limits.get(cap.key)
        same = [key for key, limit in self._database.limits.items() if limit.cap_id == cap.id]
        if (standing is not None and standing.cap_id != cap.id) or same not in ([], [cap.key]):
            raise refusals.cap_taken(cap.key)

    def _check_performance(self, row: Row, ordered: Sequence[Row]) -> None:
        tables = self._database.tables
        seal, grant = tables["seal"].rows.get(row.id), tables["grant"].rows.get(row.id)
        takes = any(other.kind == "seal" and other.id == row.id and other.state == "taken" for other in ordered)
        valid = (
            takes
            and seal is not None
            and seal.state == "ready"
            and seal.scope in tables["batch"].rows
            and grant is not None
            and grant.due_us is not None
            and grant.due_us > self._clock.now_us()
        )
        if not valid:
            raise refusals.grant_not_valid(row.id)

    def _moved(self, movements: Sequence[Movement]) -> dict[str, Window]:
        """The windows after the movements, or the refusal of the first that has no room."""
        moved: dict[str, Window] = {}
        for movement in movements:
            for key in movement.windows:
                before = moved.get(key) or self._database.windows.get(key) or self._fresh(key)
                moved[key] = self._after(before, movement)
        return moved

    def _after(self, window: Window, movement: Movement) -> Window:
        key = window.id
        if movement.hold_micros > window.room_micros:
            raise refusals.over_budget(f"{key} {window.room_micros} {movement.hold_micros}")
        if movement.release_micros > window.held_micros + movement.hold_micros:
            raise refusals.not_held(key)
        after = apply(window, movement)
        limit_micros = self._limit_micros(key)
        assert limit_micros is not None, "a window that stands has a limit"
        # Above a lowered limit the cap sinks with every release.
        return msgspec.structs.replace(after, cap_micros=max(limit_micros, after.held_micros + after.spent_micros))

    def _limit_micros(self, window_id: str) -> int | None:
        limit = self._database.limits.get(key_of(window_id))
        if limit is not None:
            return limit.micros
        owner, _, period = key_of(window_id).rpartition("|")
        row = self._database.tables["agent"].rows.get(owner.removeprefix("agent:"))
        if period == AGENT_PERIOD and row is not None:
            return _record(Agent, row).schedule.posts_per_day_max
        return standing_micros(key_of(window_id))

    def _fresh(self, window_id: str) -> Window:
        cap_micros = self._limit_micros(window_id)
        if cap_micros is None:
            raise refusals.no_cap(window_id)
        return Window(id=window_id, cap_micros=cap_micros)

    def _limit(self, row: Row) -> None:
        cap = _record(Cap, row)
        self._database.limits[cap.key] = Limit(cap.id, cap.micros)
        for key, window in self._database.windows.items():
            if key_of(key) == cap.key:
                cap_micros = max(cap.micros, window.held_micros + window.spent_micros)
                self._database.windows[key] = msgspec.structs.replace(window, cap_micros=cap_micros)


def _open(database: MemoryDatabase, writer: str, role: Role) -> Chain:
    if role not in WRITES:
        raise refusals.not_permitted(f"the chain of {writer}")
    chain = database.chains.setdefault(writer, Chain(role, []))
    if chain.role is not role:
        raise refusals.not_permitted(f"the chain of {writer}")
    chain.epoch += 1
    return chain


def _record(kind: type[R], row: Row) -> R:
    return rows.read(kind, row.body, version=row.version, state=row.state, due_us=row.due_us)


def _matches(
    row: Row, *, states: Sequence[str], scope: str | None, shards: Sequence[int] | None, due_before_us: int | None
) -> bool:
    return (
        (not states or row.state in states)
        and (scope is None or row.scope == scope)
        and (shards is None or row.shard in shards)
        and (due_before_us is None or (row.due_us is not None and row.due_us < due_before_us))
    )
