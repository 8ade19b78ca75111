"""`chimera ledger …`: do the books agree, and what stands in them? Books what comes in; changes no entry."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from chimera import bootstrap
from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import money as assembled
from chimera.cli import output, stopping
from chimera.cli.books import AMOUNTS, SHOWN_MAX, Json, in_the_name_of, with_books, with_ledger, write_csv
from chimera.domain import ids
from chimera.domain.money import format_micros, parse_amount
from chimera.domain.revenue import Revenue, revenue_id
from chimera.governance.receipts import Receipts
from chimera.ports.store import Store
from chimera.settings import Settings, read_settings

app = typer.Typer(name="ledger", help="The books: do they agree, and what stands in them?", no_args_is_help=True)


@app.command()
def verify(*, as_json: Json = False) -> None:
    """Compare the ledger with itself, with every window, every hold and every receipt. Exit 1 where they differ."""
    count, found = stopping.run(with_ledger(lambda reads, _: _verified(reads), at="ledger"))
    if as_json:
        output.answer(
            {"verified": not found, "entries": count, "differences": [msgspec.to_builtins(one) for one in found]}
        )
    elif found:
        output.table(
            ("check", "of", "ledger", "books"),
            [
                (one.check, one.subject, format_micros(one.ledger_micros), format_micros(one.books_micros))
                for one in found
            ],
        )
    else:
        output.tell(f"verified: {count} entries agree with windows, holds and receipts")
    if found:
        raise typer.Exit(1)


async def _verified(reads: PostgresLedger) -> tuple[int, tuple[Any, ...]]:
    return await reads.entries_count(), await reads.disagreements()


@app.command()
def balances(*, as_csv: Annotated[bool, typer.Option("--csv")] = False, as_json: Json = False) -> None:
    """What stands on every account. They sum to zero."""
    found = stopping.run(with_ledger(lambda reads, _: reads.balances(), at="ledger"))
    rows = [msgspec.to_builtins(one) for one in found]
    if as_json:
        output.answer({"accounts": rows, "sum_micros": sum(one.micros for one in found)})
    elif as_csv:
        write_csv(rows)
    else:
        output.table(
            ("account", "balance", "entries"),
            [(one.account, format_micros(one.micros, one.currency), str(one.entries)) for one in found],
        )


@app.command(context_settings=AMOUNTS)
def receive(
    amount: Annotated[str, typer.Argument(help="What came in, such as 120.00.")],
    campaign: Annotated[str, typer.Argument(help="The campaign that earned it.")],
    *,
    source: Annotated[str, typer.Option(help="invoice, affiliate, x402 or refund.")] = "invoice",
    reference: Annotated[str, typer.Option(help="The invoice's number, or what else names it once.")] = "",
    post: Annotated[str, typer.Option(help="The task whose post earned it.")] = "",
    category: Annotated[str, typer.Option(help="For a refund: the category that it comes back to.")] = "",
    currency: Annotated[str, typer.Option(help="The currency in which it came.")] = "USD",
    as_json: Json = False,
) -> None:
    """Book revenue, or money that came back. The same reference is booked once."""
    received = parse_amount(amount)
    ids.parse(campaign, where="campaign")
    if post:
        ids.parse(post, where="post")
    given = Revenue(
        id=revenue_id(source, reference, campaign),
        source=source,
        reference=reference,
        campaign_id=campaign,
        task_id=post,
        micros=received,
        received_micros=received,
        currency=currency,
        category=category,
        at_us=SystemClock().now_us(),
    )
    booked = stopping.run(in_the_name_of(lambda store, by: _receive(store, given, by=by.name)))
    if as_json:
        output.answer(msgspec.to_builtins(booked))
    else:
        output.tell(f"booked {format_micros(booked.micros)} for {booked.campaign_id}")


async def _receive(store: Store, given: Revenue, *, by: str) -> Revenue:
    async def book(books: PostgresLedger, settings: Settings) -> Revenue:
        return await Receipts(store=store, books=books, exchange=assembled.exchange(settings)).book(given, by=by)

    settings = read_settings()
    async with bootstrap.running_or_own_database(settings) as found:
        return await with_books(found, settings, book)


@app.command()
def entries(*, as_csv: Annotated[bool, typer.Option("--csv")] = False, as_json: Json = False) -> None:
    """The newest entries, with their booking, account and cause."""
    found = stopping.run(with_ledger(lambda reads, _: _entries(reads), at="ledger"))
    rows = [msgspec.to_builtins(one) for one in found[-SHOWN_MAX:]]
    if as_json:
        output.answer({"entries": rows})
    elif as_csv:
        write_csv(rows)
    else:
        output.table(
            ("booking", "when", "kind", "account", "amount"),
            [
                (str(one.booking), _when(one.at_us), one.kind, one.account, format_micros(one.micros, one.currency))
                for one in found[-50:]
            ],
        )


async def _entries(reads: PostgresLedger) -> list[Any]:
    found: list[Any] = []
    while page := await reads.entries(after=found[-1].booking if found else 0, limit=SHOWN_MAX):
        # A full page may end in the middle of a booking: that one is read again, whole.
        last = page[-1].booking
        whole = [one for one in page if one.booking != last] if len(page) == SHOWN_MAX else []
        found.extend(whole or page)
    return found


def _when(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // 1_000_000, read_settings().zone).strftime("%Y-%m-%d %H:%M:%S")
