"""`chimera budget …`, `chimera spend …`, `chimera ledger …`: what may be spent, what was, do the books agree."""

from __future__ import annotations

import csv
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from chimera import bootstrap
from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.adapters.system.clock import SystemClock
from chimera.assembly import money as assembled
from chimera.assembly import vaults
from chimera.bootstrap import Database
from chimera.cli import output, stopping
from chimera.cli.persons import permitted
from chimera.domain import ids, quotas, scopes
from chimera.domain.budget import Cap, Window
from chimera.domain.errors import Invalid, Missing
from chimera.domain.grant import Batch, Grant, Performance, Seal
from chimera.domain.money import format_micros, parse_amount
from chimera.domain.person import Principal
from chimera.domain.revenue import Revenue, revenue_id
from chimera.domain.spending import Spending
from chimera.domain.verbs import FLEET
from chimera.governance.budgets import Budgets, amount_in_words, parse_cap
from chimera.governance.quotas import opens_again_us, spans_shown
from chimera.governance.receipts import Receipts
from chimera.governance.sealing import is_attested
from chimera.governance.spending_breakers import BreakerReadings
from chimera.governance.treasury import Treasury
from chimera.ports.store import Reads, Store
from chimera.settings import Settings, read_settings

budget = typer.Typer(name="budget", help="What may be spent: caps, windows, breakers.", no_args_is_help=True)
spend = typer.Typer(name="spend", help="What was spent, by whom, why it was allowed.", no_args_is_help=True)
ledger = typer.Typer(name="ledger", help="The books: do they agree, and what stands in them?", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
T = TypeVar("T")
SHOWN_MAX = 1_000
DECIDED = ("approved", "asked", "refused")
# An amount that begins with a minus is an amount, to be refused as one, and no option.
_AMOUNTS = {"ignore_unknown_options": True}


# ── budget ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@budget.command("show")
def show_budget(
    *,
    scope: Annotated[str, typer.Option(help="Only this scope.")] = "",
    day: Annotated[str, typer.Option(help="The windows of this day, such as 2026-11-21; else those open now.")] = "",
    after: Annotated[str, typer.Option(help="Go on behind this window.")] = "",
    limit: Annotated[int, typer.Option(help="How many windows.")] = SHOWN_MAX,
    as_json: Json = False,
) -> None:
    """The windows of money and of quotas that are open, their room; caps; what the breakers see."""
    asked = Asked(scope=scopes.parse(scope) if scope else "", day=day, after=after, limit=max(1, min(limit, SHOWN_MAX)))
    result = stopping.run(with_ledger(lambda reads, settings: _budget(reads, settings, asked), at="windows"))
    if as_json:
        output.answer(result)
        return
    rows = [
        (one["id"], *(_told(one[name], one["unit"]) for name in _MONEY), one["opens_again"])
        for one in result["windows"]
    ]
    output.table(("window", "cap", "held", "spent", "overrun", "room", "opens again"), rows)
    if result["next"]:
        output.tell(f"there are more: --after '{result['next']}'")
    for one in result["breakers"]:
        output.tell(f"breaker {one['scope']}: {one['spent_bp'] / 100:.0f} % of the day spent {one['tripped']}")


_MONEY = ("cap_micros", "held_micros", "spent_micros", "overrun_micros", "room_micros")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which windows."""

    scope: str
    day: str
    after: str
    limit: int


async def _budget(reads: PostgresLedger, settings: Settings, asked: Asked) -> dict[str, Any]:
    treasury, chosen = Treasury(zone=settings.zone), asked.scope
    spans = spans_shown(asked.day, treasury, SystemClock().now_us())
    beginning = f"{chosen}|" if chosen else ""
    found = await reads.windows_page(spans, scope=beginning, after=asked.after, limit=asked.limit)
    windows = [
        {
            **msgspec.to_builtins(one),
            "room_micros": one.room_micros,
            "unit": one.unit,
            "opens_again": _opens_again(one, settings),
        }
        for one in found
    ]
    caps = [msgspec.to_builtins(cap) for cap in await _all_caps(reads) if not chosen or cap.limited == chosen]
    breakers = BreakerReadings(reads=reads, treasury=treasury, clock=SystemClock())
    seen = [msgspec.to_builtins(one) for one in await breakers.readings() if not chosen or one.scope == chosen]
    following = found[-1].id if len(found) == asked.limit else ""
    return {"windows": windows, "next": following, "caps": caps, "breakers": seen,
            "halted": sorted(await reads.halted())}  # fmt: skip


def _told(amount: int, unit: str) -> str:
    return quotas.in_words(amount, unit) if unit else format_micros(amount)


def _opens_again(window: Window, settings: Settings) -> str:
    """When the next window of a quota begins, on the fleet's clocks."""
    opens_us = opens_again_us(window.id, zone=settings.zone)
    if opens_us is None:
        return ""
    return datetime.fromtimestamp(opens_us // 1_000_000, settings.zone).isoformat(timespec="minutes")


async def _all_caps(reads: Reads) -> list[Cap]:
    found: list[Cap] = []
    while page := await reads.list(Cap, after=found[-1].id if found else ""):
        found.extend(page)
    return found


@budget.command("set", context_settings=_AMOUNTS)
def set_budget(
    scope: Annotated[
        str,
        typer.Argument(
            help="fleet, agent:ID, campaign:ID, category:NAME, recipient:NAME; for posts and calls also "
            "account:NETWORK/HANDLE and platform:NETWORK."
        ),
    ],
    amount: Annotated[str, typer.Argument(help="The cap, such as 12.50, '20 posts' or '300 calls'; 0 closes it.")],
    *,
    period: Annotated[str, typer.Option(help="day, week, month or total; hour or day for posts and calls.")] = "day",
    as_json: Json = False,
) -> None:
    """Set a cap, as whoever is recognised here. Lowering closes the window at once; raising takes the owner."""
    whole, cap_micros = parse_cap(amount, period)
    cap = stopping.run(_in_the_name_of(
        lambda store, by: Budgets(store=store).set(scope, period=whole, micros=cap_micros, by=by.approver)
    ))  # fmt: skip
    if as_json:
        output.answer({"scope": cap.limited, "period": cap.period, "micros": cap.micros, "version": cap.version,
                       "unit": quotas.unit_of(cap.period)})  # fmt: skip
    else:
        output.tell(f"{cap.limited} may have {amount_in_words(cap.micros, cap.period)} {_SPANS[period]}")


_SPANS = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "total": "in all"}


# ── spend ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@spend.command("list")
def list_spending(
    *,
    decided: Annotated[str, typer.Option(help="approved, asked or refused; all without it.")] = "",
    limit: Annotated[int, typer.Option(help="How many, the newest.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Comma-separated values on stdout.")] = False,
    as_json: Json = False,
) -> None:
    """Payments as the CFO saw them, newest first."""
    if decided not in ("", *DECIDED):
        raise Invalid("decision_unknown", f"{decided[:20]!r} is no decision", where="decided",
                      remedy=f"write one of {', '.join(DECIDED)}")  # fmt: skip
    limit = max(1, min(limit, SHOWN_MAX))
    found = stopping.run(with_ledger(lambda reads, _: _spendings(reads, decided), at="spending"))[-limit:][::-1]
    rows = [_row_of(one) for one in found]
    if as_json:
        output.answer({"spending": rows})
    elif as_csv:
        write_csv(rows, columns=_COLUMNS)
    elif rows:
        output.table(tuple(rows[0]), [tuple(map(str, row.values())) for row in rows])
    else:
        output.tell("nothing was asked for yet")


async def _spendings(reads: Reads, decided: str) -> list[Spending]:
    found: list[Spending] = []
    states = (decided,) if decided else ()
    while page := await reads.list(Spending, states=states, after=found[-1].id if found else ""):
        found.extend(page)
    return found


_COLUMNS = ("id", "decided", "amount_micros", "recipient", "purpose", "agent", "campaign", "category", "word",
            "risk_bp", "task", "grant")  # fmt: skip


def _row_of(record: Spending) -> dict[str, Any]:
    word, payment = record.appraisal, record.appraisal.payment
    return {
        "id": record.id,
        "decided": record.decided,
        "amount_micros": payment.amount_micros,
        "recipient": payment.recipient,
        "purpose": payment.purpose,
        "agent": payment.agent_id,
        "campaign": payment.campaign_id,
        "category": payment.category,
        "word": str(word.word),
        "risk_bp": word.score_bp,
        "task": record.task_id,
        "grant": record.grant_id,
    }


def write_csv(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = ()) -> None:
    """Rows on stdout; where there are none, the columns' names. What a spreadsheet would take for a formula is text."""
    writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0] if rows else columns))
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)


def _plain(value: object) -> str:
    text = str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") and not isinstance(value, int) else text


@spend.command()
def explain(
    identifier: Annotated[str, typer.Argument(help="The id of a payment, its task or its grant.")],
    *,
    as_json: Json = False,
) -> None:
    """Why it was allowed or not: every factor, the rules, the windows, and whose signatures stand under it."""
    wanted = ids.parse(identifier, where="id")
    result = stopping.run(with_ledger(lambda reads, settings: _explained(reads, settings, wanted), at="spending"))
    if as_json:
        output.answer(result)
        return
    output.tell(f"{result['decided']}: {format_micros(result['amount_micros'])} to {result['recipient']}")
    for name in ("reasons", "rules", "conditions", "windows"):
        output.tell(f"{name}: " + ("; ".join(result[name]) or "none"))
    output.table(
        ("factor", "weight", "value", "because"),
        [
            (one["name"], f"{one['weight_bp'] / 100:.0f} %", f"{one['value_bp'] / 100:.0f} %", one["says"])
            for one in result["factors"]
        ],
    )
    output.tell(f"signed by the CFO: {result['cfo_signature']}; sealed by the vault: {result['seal_key'] or 'no'}")
    if carried := result["carriage"]:
        output.tell(carriage_in_words(carried))


async def _explained(reads: Reads, settings: Settings, wanted: str) -> dict[str, Any]:
    record = await _spending_of(reads, wanted)
    word = record.appraisal
    grant = await reads.find(Grant, record.grant_id) if record.grant_id else None
    seal = await reads.find(Seal, grant.id) if grant else None
    batch = await reads.find(Batch, seal.batch_id) if seal else None
    performance = await reads.find(Performance, grant.id) if grant else None
    return {
        **_row_of(record),
        "approver": record.approver,
        "band": word.band,
        "day_micros": word.day_micros,
        "reasons": list(word.reasons),
        "rules": list(grant.reasons) if grant else [],
        "conditions": list(word.conditions),
        "windows": list(word.windows),
        "factors": [msgspec.to_builtins(one) for one in word.factors],
        "cfo_key": word.key_id,
        "cfo_signature": _signature(settings, record),
        "seal_key": batch.key_id if batch else "",
        "carriage": carriage_of(performance),
    }


_CARRIED = ("network", "hash", "nonce", "block", "place", "places", "fee_wei", "saved_wei")


def carriage_of(performance: Performance | None) -> dict[str, Any]:
    """What the chain took for a payment, and what was saved against a wallet without care; nothing of others."""
    receipt = (performance.receipt if performance else None) or {}
    return {name: receipt[name] for name in _CARRIED if name in receipt} if "saved_wei" in receipt else {}


def carriage_in_words(carried: Mapping[str, Any]) -> str:
    """One line."""
    places = carried.get("places", 1)
    shared = f", as one of {places} in one transaction" if places > 1 else ""
    return (f"carried by {carried['network']} in {carried['hash']}{shared}: its fee was {carried['fee_wei']} wei, "
            f"{carried['saved_wei']} less than alone and without care")  # fmt: skip


async def _spending_of(reads: Reads, wanted: str) -> Spending:
    found = await reads.find(Spending, wanted)
    grant = None if found else await reads.find(Grant, wanted)
    if found is not None:
        return found
    records = await reads.list(Spending, scope=grant.terms.task_id if grant else wanted)
    if not records:
        raise Missing(
            "spending_missing",
            f"no payment, task or grant {wanted} was asked about",
            where="id",
            remedy="chimera spend list names them",
        )
    return records[-1]


def _signature(settings: Settings, record: Spending) -> str:
    word = record.appraisal
    if not word.signature:
        return "none"
    key = vaults.cfo_key(settings)
    if key is None:
        return "not verified: the vault's folder is not here"
    return "verified" if is_attested(word.statement, word.signature, key) else "NOT GENUINE"


# ── ledger ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@ledger.command()
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


@ledger.command()
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


@ledger.command(context_settings=_AMOUNTS)
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
    booked = stopping.run(_in_the_name_of(lambda store, by: _receive(store, given, by=by.name)))
    if as_json:
        output.answer(msgspec.to_builtins(booked))
    else:
        output.tell(f"booked {format_micros(booked.micros)} for {booked.campaign_id}")


async def _receive(store: Store, given: Revenue, *, by: str) -> Revenue:
    async def book(books: PostgresLedger, settings: Settings) -> Revenue:
        return await Receipts(store=store, books=books, exchange=assembled.exchange(settings)).book(given, by=by)

    settings = read_settings()
    async with bootstrap.running_or_own_database(settings) as found:
        return await _with_books(found, settings, book)


@ledger.command()
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


# ── doors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def with_ledger(act: Callable[[PostgresLedger, Settings], Awaitable[T]], *, at: str) -> T:
    """What comes of reading the ledger: for whoever may see the money, and that they read there goes on record."""
    settings = read_settings()
    async with bootstrap.running_or_own_database(settings) as found:
        await permitted(found, "money.look", at=f"money/{at}")
        return await _with_books(found, settings, act)


async def _with_books(
    found: Database, settings: Settings, act: Callable[[PostgresLedger, Settings], Awaitable[T]]
) -> T:  # fmt: skip
    reads = await found.ledger()
    try:
        return await act(reads, settings)
    finally:
        await reads.close()


async def _in_the_name_of(act: Callable[[Store, Principal], Awaitable[T]]) -> T:
    """Work that whoever sits here answers for, who has to be one who may set caps and book what comes in."""
    async with bootstrap.office() as office:
        office.desk.require(office.principal, "cap.set", FLEET)
        return await act(office.store, office.principal)
