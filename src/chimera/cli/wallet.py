"""`chimera wallet …`: what carriage costs on each chain, and how payments on chains stand. Holds no key."""

from __future__ import annotations

from typing import Annotated

import typer

from chimera.assembly import money, people
from chimera.cli import output, stopping
from chimera.cli.doors import doors_of
from chimera.domain.money import format_micros
from chimera.domain.transfer import OPEN, Transfer
from chimera.domain.verbs import FLEET
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
    """Payments on chains that are under way: nonce, place in its transaction, state, how often sent, transaction."""
    found = stopping.run(_open_ones(context))
    if as_json:
        output.answer({"transfers": [_told(one, lead) for one, lead in found]})
    elif found:
        rows = [(one.chain, one.wallet, str(one.nonce), f"{one.place + 1} of {one.places}", str(one.state),
                 str(len(lead.sendings)), one.grant_id) for one, lead in found]  # fmt: skip
        output.table(("chain", "wallet", "nonce", "place", "state", "sent", "grant"), rows)
    else:
        output.tell("no payment is under way")


async def _open_ones(context: typer.Context) -> list[tuple[Transfer, Transfer]]:
    """Each with the first place of its transaction, which has the bytes."""
    async with doors_of(context).office() as office:
        office.desk.require(office.principal, "money.look", FLEET)
        await people.look(office, at="money/transfers")
        found = await office.store.list(Transfer, states=OPEN)
    ordered = sorted(found, key=lambda one: (one.chain, one.wallet, one.nonce, one.place))
    leads = {(one.chain, one.wallet, one.nonce): one for one in reversed(ordered)}
    return [(one, leads[one.chain, one.wallet, one.nonce]) for one in ordered]


def _told(one: Transfer, lead: Transfer) -> dict[str, object]:
    last = lead.sendings[-1].hash if lead.sendings else ""
    return {"chain": one.chain, "wallet": one.wallet, "nonce": one.nonce, "place": one.place, "places": one.places,
            "state": str(one.state), "sendings": len(lead.sendings), "hash": one.mined_hash or last,
            "grant": one.grant_id}  # fmt: skip
