"""x402, version 2: what a seller asks, what a payer shows, what a facilitator says, as they travel. Decides nothing.

The scheme is `exact` with EIP-3009: the payer signs one transfer of a token, the facilitator brings it to the chain.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from chimera.domain.errors import Invalid
from chimera.domain.wallets import NETWORKS, ChainRules, Payment
from chimera.ports.wallet import SignedAuthorization

VERSION = 2
EXACT = "exact"
REQUIRED, SIGNATURE, RESPONSE = "PAYMENT-REQUIRED", "PAYMENT-SIGNATURE", "PAYMENT-RESPONSE"
HEADER_BYTES_MAX = 16 * 1024
T = TypeVar("T")


class Requirements(Struct, frozen=True, kw_only=True, rename="camel"):
    """One way in which a seller would be paid. What else stands there is kept by nobody."""

    scheme: str
    network: str
    amount: str
    asset: str
    pay_to: str
    max_timeout_seconds: int = 60
    extra: dict[str, Any] = {}


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is sold."""

    url: str
    description: str = ""
    mime_type: str = ""


class Required(Struct, frozen=True, kw_only=True):
    """A seller's 402."""

    version: int = msgspec.field(name="x402Version")
    accepts: tuple[Requirements, ...]
    resource: Resource | None = None
    error: str = ""


class Authorization(Struct, frozen=True, kw_only=True):
    """EIP-3009, with its numbers as text."""

    payer: str = msgspec.field(name="from")
    to: str
    value: str
    valid_after: str = msgspec.field(name="validAfter")
    valid_before: str = msgspec.field(name="validBefore")
    nonce: str


class Signed(Struct, frozen=True, kw_only=True):
    """An authorization under its payer's signature."""

    signature: str
    authorization: Authorization


class PaymentPayload(Struct, frozen=True, kw_only=True):
    """What a payer shows."""

    version: int = msgspec.field(name="x402Version")
    accepted: Requirements
    payload: Signed
    resource: Resource | None = None


class Settled(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a facilitator says when it has brought it to the chain."""

    success: bool
    transaction: str = ""
    network: str = ""
    payer: str = ""
    error_reason: str = ""


class Asked(Struct, frozen=True, kw_only=True):
    """What a seller asks its facilitator."""

    version: int = msgspec.field(name="x402Version")
    payment: PaymentPayload = msgspec.field(name="paymentPayload")
    requirements: Requirements = msgspec.field(name="paymentRequirements")


class Verified(Struct, frozen=True, kw_only=True, rename="camel"):
    """A facilitator's answer before anything moves."""

    is_valid: bool
    invalid_reason: str = ""
    payer: str = ""


def network_of(chain: str) -> str:
    """A chain's name as x402 writes it (CAIP-2)."""
    return f"eip155:{NETWORKS[chain].chain_id}"


def to_header(message: Struct) -> str:
    """A message as a header."""
    return base64.b64encode(msgspec.json.encode(message)).decode()


def from_header(text: str, kind: type[T], *, name: str) -> T:
    """A header from outside, or `Invalid`."""
    try:
        if len(text) > HEADER_BYTES_MAX:
            raise ValueError("too long")
        return msgspec.json.decode(base64.b64decode(text, validate=True), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise Invalid(
            "x402_malformed",
            f"{name} cannot be read: {type(error).__name__}",
            where=name,
            remedy="nothing to do: it is the other side's",
        ) from error


def requirements_of(payment: Payment, rules: ChainRules) -> Requirements:
    """What a seller must ask so that exactly this payment answers it."""
    token = rules.tokens[payment.asset]
    return Requirements(scheme=EXACT, network=network_of(payment.chain), amount=str(payment.units), asset=token.address,
                        pay_to=payment.recipient, extra={"name": token.name, "version": token.revision})  # fmt: skip


def matching(required: Required, wanted: Requirements) -> Requirements | None:
    """The seller's own words, where they ask for what was granted: to the unit, and to the letter."""
    for one in required.accepts:
        same = (one.scheme, one.network, one.amount) == (wanted.scheme, wanted.network, wanted.amount)
        if same and (one.asset.lower(), one.pay_to.lower()) == (wanted.asset.lower(), wanted.pay_to.lower()):
            return one
    return None


def payload_of(signed: SignedAuthorization, accepted: Requirements, resource: Resource | None) -> PaymentPayload:
    """What we show."""
    authorization = Authorization(
        payer=signed.payer, to=signed.recipient, value=signed.value, valid_after=str(signed.valid_after),
        valid_before=str(signed.valid_before), nonce=signed.nonce,
    )  # fmt: skip
    shown = Signed(signature=signed.signature, authorization=authorization)
    return PaymentPayload(version=VERSION, accepted=accepted, payload=shown, resource=resource)
