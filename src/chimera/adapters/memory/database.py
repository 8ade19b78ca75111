"""What several stores of one simulated fleet share: rows, windows, limits, chains. Survives the crash of a "process".

Nothing here decides anything; it keeps what the store has decided, and finds it again quickly.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterable
from itertools import takewhile

from msgspec import Struct

from chimera.domain.budget import Window
from chimera.domain.caps import FLEET_CAPS
from chimera.domain.event import GENESIS, Link
from chimera.domain.kinds import KINDS
from chimera.domain.roles import Role
from chimera.domain.rows import Row, row_of

_CLAIMABLE = ("ready", "leased")
# Of these a change is one of their state: not each plan of a campaign.
NOTED_BY_STATE = ("campaign",)


class Chain(Struct):
    """One writer's chain: whose it is, which instance may add to it, and its links."""

    role: Role
    links: list[Link]
    epoch: int = 0

    @property
    def seq(self) -> int:
        return len(self.links)

    @property
    def hash(self) -> bytes:
        return self.links[-1].hash if self.links else GENESIS


class Table:
    """The rows of one kind, found by id, by scope, by state, and by shard when they can be claimed."""

    def __init__(self, *, by_state_alone: bool = False) -> None:
        self._by_state_alone = by_state_alone
        self.rows: dict[str, Row] = {}
        self._order: list[str] = []
        self._by_scope: dict[str | None, set[str]] = {}
        self._by_state: dict[str, set[str]] = {}
        self._claimable: dict[int | None, set[str]] = {}
        self._changed: dict[str, int] = {}
        self.puts = 0

    def put(self, row: Row) -> None:
        """Insert or replace a row."""
        self.puts += 1
        old = self.rows.get(row.id)
        if old is None or old.state != row.state or not self._by_state_alone:
            self._changed.pop(row.id, None)
            self._changed[row.id] = self.puts
        self.rows[row.id] = row
        if old is None:
            self._add_in_order(row.id)
        else:
            self._forget(old)
        self._by_scope.setdefault(row.scope, set()).add(row.id)
        self._by_state.setdefault(row.state, set()).add(row.id)
        if row.state in _CLAIMABLE:
            self._claimable.setdefault(row.shard, set()).add(row.id)

    def beyond(self, after: str) -> Iterable[Row]:
        """Every row after an id, in order."""
        return (self.rows[key] for key in self._order[bisect_right(self._order, after) :])

    def of(self, *, states: Iterable[str], scope: str | None, after: str) -> Iterable[Row]:
        """The rows that may match, by whichever index names fewer, in order of ids."""
        named = [set[str]().union(*(self._by_state.get(state, ()) for state in states))] if states else []
        if scope is not None:
            named.append(self._by_scope.get(scope, set()))
        if not named:
            return self.beyond(after)
        return (self.rows[key] for key in sorted(min(named, key=len)) if key > after)

    def changed(self, since: int) -> Iterable[Row]:
        """The rows that were put since the table had so many puts behind it."""
        return (self.rows[key] for key in takewhile(lambda key: self._changed[key] > since, reversed(self._changed)))

    def claimable(self, shards: Iterable[int]) -> Iterable[Row]:
        """The rows of some shards that may be leased."""
        return (self.rows[key] for shard in set(shards) for key in self._claimable.get(shard, ()))

    def count(self) -> dict[str, int]:
        """How many rows there are, by state."""
        return dict(Counter({state: len(keys) for state, keys in self._by_state.items() if keys}))

    def _add_in_order(self, key: str) -> None:
        if not self._order or key > self._order[-1]:
            self._order.append(key)
        else:
            insort(self._order, key)

    def _forget(self, row: Row) -> None:
        self._by_scope[row.scope].discard(row.id)
        self._by_state[row.state].discard(row.id)
        if row.state in _CLAIMABLE:
            self._claimable[row.shard].discard(row.id)


class Limit(Struct, frozen=True):
    """What people allow a scope per period, and the cap record that says so."""

    cap_id: str
    micros: int


class MemoryDatabase:
    """The one database of a simulation."""

    def __init__(self) -> None:
        self.tables: dict[str, Table] = {kind: Table(by_state_alone=kind in NOTED_BY_STATE) for kind in KINDS}
        self.windows: dict[str, Window] = {}
        self.limits: dict[str, Limit] = {}
        self.chains: dict[str, Chain] = {}
        for cap in FLEET_CAPS:
            self.tables["cap"].put(row_of(cap))
            self.limits[cap.key] = Limit(cap.id, cap.micros)

    def halted(self) -> frozenset[str]:
        """The scopes that are halted now."""
        rows = self.tables["halt"].of(states=("active",), scope=None, after="")
        return frozenset(row.scope for row in rows if row.scope is not None)
