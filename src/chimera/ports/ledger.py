"""The ledger as it is read: what everything cost and brought in, and whether its books agree with the windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct


class Balance(Struct, frozen=True, kw_only=True):
    """What stands on one account. Debit is positive."""

    account: str
    currency: str
    micros: int
    entries: int


class Disagreement(Struct, frozen=True, kw_only=True):
    """Where two books that should say the same do not."""

    check: str
    subject: str
    ledger_micros: int
    books_micros: int


class Outcome(Struct, frozen=True, kw_only=True):
    """What one campaign cost and brought in."""

    campaign_id: str
    cost_micros: int
    revenue_micros: int


class CategoryCost(Struct, frozen=True, kw_only=True):
    """What one owner spent on one category."""

    owner: str
    category: str
    micros: int
    entries: int


class TypeCost(Struct, frozen=True, kw_only=True):
    """What the finished tasks of one type cost in one campaign, without their share of metered cost."""

    campaign_id: str
    task_type: str
    tasks: int
    direct_micros: int


class Posted(Struct, frozen=True, kw_only=True):
    """One entry as it stands."""

    booking: int
    leg: int
    kind: str
    at_us: int
    account: str
    owner: str
    category: str
    currency: str
    micros: int
    task_id: str
    cause: str


# What is comparable is asked for before a payment, while somebody waits: of so many campaigns, the newest.
OUTCOMES_MAX = 1_000


class Outcomes(Protocol):
    """What the newest campaigns that spent on a category cost and brought in; without one, what all did."""

    async def outcomes(self, category: str = "") -> Sequence[Outcome]: ...


class Costs(Protocol):
    """What was spent, by whom and on what, and when last."""

    async def newest_us(self) -> int: ...

    async def costs(self) -> Sequence[CategoryCost]: ...


class Ledger(Outcomes, Costs, Protocol):
    """Everything that can be read from the ledger."""

    async def entries_count(self) -> int: ...

    async def disagreements(self) -> Sequence[Disagreement]: ...

    async def balances(self) -> Sequence[Balance]: ...

    async def task_costs(self) -> Sequence[TypeCost]: ...

    async def task_revenue(self, campaign_id: str) -> Mapping[str, int]: ...

    async def entries(self, *, after: int = 0, limit: int = 1_000) -> Sequence[Posted]: ...


class NoOutcomes:
    """Nothing has come to an end yet."""

    async def outcomes(self, category: str = "") -> Sequence[Outcome]:
        """None."""
        return ()
