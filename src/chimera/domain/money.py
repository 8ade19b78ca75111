"""Money: whole micros with a currency. May not hold a float, nor mix currencies."""

from __future__ import annotations

import re
from decimal import Decimal

from msgspec import Struct

from chimera.domain.errors import Invalid

MICROS = 1_000_000
AMOUNT_MICROS_MAX = 10**15
_AMOUNT = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?|[+-]?\.[0-9]{1,40}", re.ASCII)


class Money(Struct, frozen=True, order=True):
    """An amount in millionths of a currency's unit."""

    micros: int
    currency: str = "USD"

    def __str__(self) -> str:
        return format_micros(self.micros, self.currency)


def format_micros(micros: int, currency: str = "USD") -> str:
    """Money for people: `12.50 USD`, with as many places as it takes."""
    text = f"{Decimal(micros) / MICROS:f}"
    whole, _, places = text.partition(".")
    return f"{whole}.{places.rstrip('0').ljust(2, '0')} {currency}"


def parse_amount(text: str, *, where: str = "amount") -> int:
    """A positive amount as people write it, as micros; anything else is refused by name.

    Digits of one alphabet with a point, and nothing that only a program would write: `1e9`, `1_000`, `NaN`.
    """
    if not _AMOUNT.fullmatch(text):
        raise Invalid("amount_malformed", f"{text[:40]!r} is not an amount", where=where, remedy="write 12.50")
    return micros_of(Decimal(text), where=where)


def parse_price(text: str, *, where: str = "price") -> int:
    """What something costs, or may cost: an amount as people write it, or zero."""
    is_zero = text.strip("0.") == "" and text.count(".") <= 1 and text not in ("", ".")
    return 0 if is_zero else parse_amount(text, where=where)


def micros_of(amount: object, *, where: str = "amount") -> int:
    """A positive `Decimal` as micros; anything else, a float above all, is refused by name."""
    if not isinstance(amount, Decimal):
        raise Invalid(
            "amount_malformed", f"an amount is a Decimal, not a {type(amount).__name__}", where=where,
            remedy='write Decimal("12.50")',
        )  # fmt: skip
    text = str(amount)
    if not amount.is_finite() or amount <= 0:
        raise Invalid("amount_not_positive", f"{text[:40]} is not more than zero", where=where, remedy="write 12.50")
    # Bounded before scaling, so that 1e999999 costs nothing.
    if amount.adjusted() > 15 or (micros := amount * MICROS) > AMOUNT_MICROS_MAX:
        raise Invalid("amount_too_large", f"{text[:40]} is beyond every budget", where=where,
                      remedy="look for a digit too many: nothing over a billion is taken")  # fmt: skip
    if micros != micros.to_integral_value():
        raise Invalid("amount_over_precise", f"{text[:40]} has more than six places", where=where, remedy="round it")
    return int(micros)
