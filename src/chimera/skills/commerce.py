"""Compares offers, writes invoices, and proposes a payment exactly as asked for. What a stranger wrote is data."""

from __future__ import annotations

from typing import Any, cast

from chimera.domain import wallets
from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.skills.desk import Desk

PAYMENTS = "sandbox.pay"
# What a token that is worth a dollar is paid for.
_DOLLARS = ("USD", wallets.USDC)
_ASKED = ("recipient", "amount_micros", "currency", "purpose", "category")


async def trade(desk: Desk) -> Draft:
    """A comparison or an invoice, which stay in the house, or a payment, as the task's type says."""
    match desk.spec.name:
        case "commerce.compare":
            return await compare(desk)
        case "commerce.invoice":
            return await invoice(desk)
        case _:
            return await pay(desk)


async def compare(desk: Desk) -> Draft:
    """The cheapest offer within the budget among those that, as the model reads them, meet the need."""
    envelope = await desk.ask(desk.brief())
    asked = desk.assignment.task.input
    return desk.note(envelope, more=chosen(asked, envelope.output.get("meets")))


def chosen(asked: dict[str, Any], meets: object) -> dict[str, Any]:
    """What is taken for which price, by the offers' own figures; nothing where none fits. What nobody offered falls."""
    named = cast("list[object]", meets) if isinstance(meets, list) else []
    able = [one for one in asked["offers"] if one["recipient"] in named]
    fitting = [one for one in able if one["currency"] == asked["currency"]
               and one["price_micros"] <= asked["budget_micros"]]  # fmt: skip
    best = min(fitting, key=lambda one: (one["price_micros"], one["recipient"]), default=None)
    return {
        "meets": list(dict.fromkeys(one["recipient"] for one in able)),
        "choice": best["recipient"] if best else "",
        "price_micros": best["price_micros"] if best else 0,
    }


async def invoice(desk: Desk) -> Draft:
    """A request for payment. The model writes the letter; whatever else it says, the figures are the asker's."""
    envelope = await desk.ask(desk.brief())
    asked = desk.assignment.task.input
    # From the task's id: a retry is the same invoice, and its number names the receipt once it was paid.
    number = f"C-{desk.assignment.task.id[-12:]}"
    total_micros = sum(one["amount_micros"] for one in asked["items"])
    return desk.note(envelope, more={
        **{name: asked[name] for name in ("payer", "pay_to", "currency", "due_days")},
        "number": number, "total_micros": total_micros,
    })  # fmt: skip


async def pay(desk: Desk) -> Draft:
    """A payment; whoever lets the model change whom or how much is refused."""
    envelope = await desk.ask(desk.brief())
    asked, output = desk.assignment.task.input, envelope.output
    for name in _ASKED:
        if output.get(name) != asked[name]:
            raise Invalid(
                "payment_differs",
                f"the {name} is not the one that was asked for",
                where=f"output.{name}",
                remedy="pay what was asked, or nothing",
            )
    chain = wallets.chain_of(asked["recipient"])
    recipient = asked["recipient"].partition(":")[2] if chain else asked["recipient"]
    arguments = {
        "recipient": recipient,
        "amount_micros": asked["amount_micros"],
        "currency": asked["currency"],
        "purpose": asked["purpose"],
        **(_on_chain(asked) if chain else {}),
    }
    action = Action(
        kind="payment.send",
        platform=chain or PAYMENTS,
        account=desk.assignment.account,
        arguments=arguments,
        category=asked["category"],
        cost_micros=asked["amount_micros"],
        recipient=recipient,
    )
    return Draft(output=output, confidence_bp=envelope.confidence_bp, labels=desk.labels, action=action)


def _on_chain(asked: dict[str, Any]) -> dict[str, Any]:
    """The asset and its units, as they will be signed: micros are the smallest units of a token with six places.

    What is urgent waits for no other payment to go with.
    """
    if asked["currency"] not in _DOLLARS:
        raise Invalid("currency_not_on_chain", f"{asked['currency']} is not paid on a chain", where="input.currency",
                      remedy="ask for USD or USDC")  # fmt: skip
    hurry = {"urgent": True} if asked.get("urgent") else {}
    return {"asset": wallets.USDC, "amount": str(asked["amount_micros"]), **hurry}
