"""How commands about money reach the books: for whom, on what record, and as which rows. Shows nothing itself."""

from __future__ import annotations

import csv
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, TypeVar

import typer

from chimera import bootstrap
from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.bootstrap import Database
from chimera.cli.persons import permitted
from chimera.domain.person import Principal
from chimera.domain.verbs import FLEET
from chimera.ports.store import Store
from chimera.settings import Settings, read_settings

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")
SHOWN_MAX = 1_000
# An amount that begins with a minus is an amount, to be refused as one, and no option.
AMOUNTS = {"ignore_unknown_options": True}


async def with_ledger(act: Callable[[PostgresLedger, Settings], Awaitable[T]], *, at: str) -> T:
    """What comes of reading the ledger: for whoever may see the money, and that they read there goes on record."""
    settings = read_settings()
    async with bootstrap.running_or_own_database(settings) as found:
        await permitted(found, "money.look", at=f"money/{at}")
        return await with_books(found, settings, act)


async def with_books(
    found: Database, settings: Settings, act: Callable[[PostgresLedger, Settings], Awaitable[T]]
) -> T:  # fmt: skip
    reads = await found.ledger()
    try:
        return await act(reads, settings)
    finally:
        await reads.close()


async def in_the_name_of(act: Callable[[Store, Principal], Awaitable[T]]) -> T:
    """Work that whoever sits here answers for, who has to be one who may set caps and book what comes in."""
    async with bootstrap.office() as office:
        office.desk.require(office.principal, "cap.set", FLEET)
        return await act(office.store, office.principal)


def write_csv(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()) -> None:
    """Rows on stdout; where there are none, the columns' names. What a spreadsheet would take for a formula is text."""
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0] if rows else columns))
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)


def _plain(value: object) -> str:
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") and not isinstance(value, int) else text
