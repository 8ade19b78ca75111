"""`chimera spend …`: what was spent, by whom, and why it was allowed. Pays nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import typer

from chimera.assembly import vaults
from chimera.cli import output, stopping
from chimera.cli.books import SHOWN_MAX, Json, with_ledger, write_csv
from chimera.domain import ids
from chimera.domain.errors import Invalid, Missing
from chimera.domain.grant import Batch, Grant, Performance, Seal
from chimera.domain.money import format_micros
from chimera.domain.spending import Spending
from chimera.governance.sealing import is_attested
from chimera.ports.store import Reads
from chimera.settings import Settings

app = typer.Typer(name="spend", help="What was spent, by whom, why it was allowed.", no_args_is_help=True)
DECIDED = ("approved", "asked", "refused")


@app.command("list")
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


@app.command()
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
