"""Reads the ledger that the database keeps by itself. Cannot write it: nobody can but the database's own triggers."""

from __future__ import annotations

from typing import Any

from chimera.adapters.postgres.patience import Patience
from chimera.adapters.postgres.reads import PostgresReads
from chimera.adapters.postgres.sql import query
from chimera.adapters.postgres.store import PATIENCE_SECONDS, pool_of
from chimera.domain.roles import Role
from chimera.ports.ledger import OUTCOMES_MAX, Balance, CategoryCost, Disagreement, Outcome, Posted, TypeCost
from chimera.ports.subjects import SubjectKeys

_WHAT = "the ledger"


class PostgresLedger(PostgresReads):
    """Implements `ports.ledger.Ledger`, beside everything else that can be read."""

    async def entries_count(self) -> int:
        """How many entries there are."""
        return (await self._fetch(_WHAT, query("ledger_count")))[0]["many"]

    async def newest_us(self) -> int:
        """When the newest booking was made; 0 where there is none."""
        return (await self._fetch(_WHAT, query("ledger_newest")))[0]["at_us"]

    async def disagreements(self) -> tuple[Disagreement, ...]:
        """Every place where the ledger and the other books differ. None: it verifies."""
        return tuple([Disagreement(**dict(row)) for row in await self._ask("ledger_disagreements")])

    async def balances(self) -> tuple[Balance, ...]:
        """What stands on every account."""
        return tuple([Balance(**dict(row)) for row in await self._ask("ledger_balances")])

    async def costs(self) -> tuple[CategoryCost, ...]:
        """What every campaign spent, by category."""
        return tuple([CategoryCost(**dict(row)) for row in await self._ask("ledger_costs")])

    async def task_costs(self) -> tuple[TypeCost, ...]:
        """What the finished tasks of every campaign cost, by their type."""
        return tuple([TypeCost(**dict(row)) for row in await self._ask("ledger_task_costs")])

    async def task_revenue(self, campaign_id: str) -> dict[str, int]:
        """What each task of a campaign earned, where any did."""
        return {row["task_id"]: row["micros"] for row in await self._ask("ledger_task_revenue", campaign_id)}

    async def outcomes(self, category: str = "") -> tuple[Outcome, ...]:
        """Cost and revenue of the newest campaigns that spent on a category; of all campaigns without one."""
        rows = await (self._ask("ledger_returns", category, OUTCOMES_MAX) if category else self._ask("ledger_outcomes"))
        return tuple([Outcome(**dict(row)) for row in rows])

    async def entries(self, *, after: int = 0, limit: int = 1_000) -> tuple[Posted, ...]:
        """The entries of the bookings after one, in order. The last booking may be cut off."""
        return tuple([Posted(**dict(row)) for row in await self._ask("ledger_entries", after, limit)])

    async def _ask(self, name: str, *arguments: Any) -> list[Any]:
        return await self._fetch(_WHAT, query(name), *arguments)


async def open_ledger(
    dsn: str, *, role: Role, password: str | None = None, keys: SubjectKeys | None = None
) -> PostgresLedger:
    """Open the database for reading, the ledger too, with the login of a role."""
    return PostgresLedger(await pool_of(dsn, role, password, keys=keys), Patience(PATIENCE_SECONDS))
