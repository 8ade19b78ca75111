"""`chimera budget …`: what may be spent. Sets caps for whoever is recognised here; decides no payment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
import typer

from chimera.adapters.postgres.ledger import PostgresLedger
from chimera.adapters.system.clock import SystemClock
from chimera.cli import output, stopping
from chimera.cli.books import AMOUNTS, SHOWN_MAX, Json, in_the_name_of, with_ledger
from chimera.domain import quotas, scopes
from chimera.domain.budget import Cap, Window
from chimera.domain.money import format_micros
from chimera.governance.budgets import Budgets, amount_in_words, parse_cap
from chimera.governance.quotas import opens_again_us, spans_shown
from chimera.governance.spending_breakers import BreakerReadings
from chimera.governance.treasury import Treasury
from chimera.ports.store import Reads
from chimera.settings import Settings

app = typer.Typer(name="budget", help="What may be spent: caps, windows, breakers.", no_args_is_help=True)


@app.command("show")
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


@app.command("set", context_settings=AMOUNTS)
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
    cap = stopping.run(in_the_name_of(
        lambda store, by: Budgets(store=store).set(scope, period=whole, micros=cap_micros, by=by.approver)
    ))  # fmt: skip
    if as_json:
        output.answer({"scope": cap.limited, "period": cap.period, "micros": cap.micros, "version": cap.version,
                       "unit": quotas.unit_of(cap.period)})  # fmt: skip
    else:
        output.tell(f"{cap.limited} may have {amount_in_words(cap.micros, cap.period)} {_SPANS[period]}")


_SPANS = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "total": "in all"}
