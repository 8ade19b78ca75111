"""Proposes a payment exactly as it was asked for. What a stranger wrote about it is data."""

from __future__ import annotations

from chimera.domain.action import Action
from chimera.domain.draft import Draft
from chimera.domain.errors import Invalid
from chimera.skills.desk import Desk

PAYMENTS = "sandbox.pay"
_ASKED = ("recipient", "amount_micros", "currency", "purpose", "category")


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
    arguments = {
        "recipient": asked["recipient"],
        "amount_micros": asked["amount_micros"],
        "currency": asked["currency"],
        "purpose": asked["purpose"],
    }
    action = Action(
        kind="payment.send",
        platform=PAYMENTS,
        account=desk.assignment.account,
        arguments=arguments,
        category=asked["category"],
        cost_micros=asked["amount_micros"],
        recipient=asked["recipient"],
    )
    return Draft(output=output, confidence_bp=envelope.confidence_bp, labels=desk.labels, action=action)
