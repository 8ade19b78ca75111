"""`chimera wallet …`: what carriage costs on each chain, and how payments on chains stand. Holds no key."""

from __future__ import annotations

from typing import Annotated

import typer

from chimera.assembly import money
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.money import format_micros
from chimera.domain.transfer import OPEN, Transfer
from chimera.settings import read_settings

app = typer.Typer(name="wallet", help="Payments on chains: what carriage costs, how they stand.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command()
def quote(*, as_json: Json = False) -> None:
    """What one token payment's carriage costs on each chain now, cheapest first, beside a wallet without care."""
    found = stopping.run(money.carriage_quotes(read_settings()))
    if as_json:
        output.answer({"chains": [{"chain": one.chain, "micros": one.micros, "naive_micros": one.naive_micros,
                                   "saved_micros": one.naive_micros - one.micros} for one in found]})  # fmt: skip
        return
    rows = [(one.chain, format_micros(one.micros), format_micros(one.naive_micros)) for one in found]
    output.table(("chain", "carriage", "without care"), rows)


@app.command("list")
def list_transfers(context: typer.Context, *, as_json: Json = False) -> None:
    """Payments on chains that are under way: nonce, state, how often sent, transaction."""
    found = stopping.run(_open_ones(context))
    if as_json:
        output.answer({"transfers": [_told(one) for one in found]})
    elif found:
        rows = [(one.chain, one.wallet, str(one.nonce), str(one.state), str(len(one.sendings)), one.grant_id)
                for one in found]  # fmt: skip
        output.table(("chain", "wallet", "nonce", "state", "sent", "grant"), rows)
    else:
        output.tell("no payment is under way")


async def _open_ones(context: typer.Context) -> list[Transfer]:
    async with doors_of(context).office_store() as store:
        found = await store.list(Transfer, states=OPEN)
    return sorted(found, key=lambda one: (one.chain, one.wallet, one.nonce))


def _told(one: Transfer) -> dict[str, object]:
    last = one.sendings[-1].hash if one.sendings else ""
    return {"chain": one.chain, "wallet": one.wallet, "nonce": one.nonce, "state": str(one.state),
            "sendings": len(one.sendings), "hash": one.mined_hash or last, "grant": one.grant_id}  # fmt: skip
