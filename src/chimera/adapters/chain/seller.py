"""Sells a resource for tokens (x402): says the price, has a facilitator verify and settle, and notes the receipt.

Nothing is handed out before the facilitator has settled; a receipt is noted once for each authorization.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct

from chimera.adapters.chain import x402
from chimera.adapters.chain.x402 import Asked, PaymentPayload, Required, Requirements, Resource, Settled, Verified
from chimera.domain.errors import ChimeraError, Unavailable

SECONDS_MAX = 20


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody paid us. `source` names it once for ever: whoever books it books it once."""

    source: str
    network: str
    transaction: str
    payer: str
    recipient: str
    asset: str
    units: str
    resource: str


Note: TypeAlias = Callable[[Receipt], Awaitable[None]]
Make: TypeAlias = Callable[[], Awaitable[bytes]]


class Seller:
    """One resource at one price."""

    def __init__(self, *, resource: Resource, price: Requirements, facilitator: str, note: Note, make: Make) -> None:
        self._resource = resource
        self._price = price
        self._facilitator = facilitator.rstrip("/")
        self._note = note
        self._make = make

    async def handle(self, request: web.Request) -> web.Response:
        """One request: 402 with the price, or what was bought."""
        shown = request.headers.get(x402.SIGNATURE)
        if shown is None:
            return self._ask("a payment is needed")
        try:
            payment = x402.from_header(shown, PaymentPayload, name=x402.SIGNATURE)
            if x402.matching(Required(version=x402.VERSION, accepts=(payment.accepted,)), self._price) is None:
                return self._ask("this is not the price")
            settled = await self._settled(payment)
        except Unavailable as error:
            return web.Response(status=503, text=str(error))
        except ChimeraError as error:
            return self._ask(str(error))
        if not settled.success:
            return self._ask(settled.error_reason or "not settled", settled)
        await self._note(self._receipt(payment, settled))
        kind = self._resource.mime_type or "application/octet-stream"
        headers = {x402.RESPONSE: x402.to_header(settled)}
        return web.Response(body=await self._make(), content_type=kind, headers=headers)

    async def _settled(self, payment: PaymentPayload) -> Settled:
        # The price is ours: what the payer says that it accepted is not what is settled.
        asked = Asked(version=x402.VERSION, payment=payment, requirements=self._price)
        verified = await self._at("verify", asked, Verified)
        if not verified.is_valid:
            return Settled(success=False, error_reason=verified.invalid_reason, network=self._price.network)
        return await self._at("settle", asked, Settled)

    async def _at(self, what: str, asked: Asked, kind: type[x402.T]) -> x402.T:
        timeout = aiohttp.ClientTimeout(total=SECONDS_MAX)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(f"{self._facilitator}/{what}", data=msgspec.json.encode(asked),
                             headers={"content-type": "application/json"}, allow_redirects=False) as reply,
            ):  # fmt: skip
                return msgspec.json.decode(await reply.content.read(x402.HEADER_BYTES_MAX), type=kind)
        except (aiohttp.ClientError, OSError, TimeoutError, msgspec.DecodeError) as error:
            raise Unavailable(
                "facilitator_unavailable", f"the facilitator does not answer: {type(error).__name__}",
                where=self._facilitator, remedy="show the payment again: it is taken once",
            ) from error  # fmt: skip

    def _ask(self, why: str, settled: Settled | None = None) -> web.Response:
        required = Required(version=x402.VERSION, accepts=(self._price,), resource=self._resource, error=why[:200])
        headers = {x402.REQUIRED: x402.to_header(required)}
        if settled is not None:
            headers[x402.RESPONSE] = x402.to_header(settled)
        return web.Response(
            status=402, body=msgspec.json.encode(required), content_type="application/json", headers=headers
        )

    def _receipt(self, payment: PaymentPayload, settled: Settled) -> Receipt:
        told = payment.payload.authorization
        return Receipt(
            source=f"x402:{self._price.network}:{self._price.asset}:{told.payer}:{told.nonce}".lower(),
            network=self._price.network, transaction=settled.transaction, payer=told.payer,
            recipient=self._price.pay_to, asset=self._price.asset, units=self._price.amount,
            resource=self._resource.url,
        )  # fmt: skip
