"""Pays for an API within a grant (x402): asks the price, shows one signed authorization, takes what was bought.

The authorization's nonce derives from the grant, and the token takes a nonce once: showing it again costs nothing.
"""

from __future__ import annotations

from typing import Any

import aiohttp

from chimera.adapters.chain import calls, x402
from chimera.adapters.chain.node import Node
from chimera.adapters.chain.signatory import Signatory
from chimera.domain.canonical import sha256_hex
from chimera.domain.errors import ChimeraError, Invalid, Refused, Unavailable
from chimera.domain.wallets import ChainRules, Payment, payment_of
from chimera.ports.clock import Clock
from chimera.ports.publisher import Absent, Order, Outcome, Published, Rejected, Trace, Unknown
from chimera.ports.wallet import SignedAuthorization

CONTENT_BYTES_MAX = 64 * 1024
SECONDS_MAX = 15
_PAYMENT_REQUIRED = 402


class Buyer:
    """One wallet on one chain, paying sellers that the rules name."""

    def __init__(self, *, rules: ChainRules, node: Node, signatory: Signatory, clock: Clock) -> None:
        self._rules = rules
        self._node = node
        self._signatory = signatory
        self._clock = clock

    async def pay(self, order: Order) -> Outcome:
        """Buy once. What is not answered may have been paid: the token knows."""
        try:
            payment = payment_of(order.action)
            self._require_seller(payment.url)
            wanted = x402.requirements_of(payment, self._rules)
        except (Refused, Invalid, KeyError) as error:
            return Rejected(str(error))
        try:
            evidence = await self._signatory.evidence(order.grant_id)
            async with _session() as session:
                required = await _price(session, payment.url)
                accepted = x402.matching(required, wanted)
                if accepted is None:
                    return Rejected("the seller asks for something else than was granted")
                signed = await self._signatory.authorize(evidence)
                return await self._show(session, payment, x402.payload_of(signed, accepted, required.resource), signed)
        except (Refused, Invalid) as error:
            return Rejected(str(error), later=error.code in ("halted", "vault_too_busy"))
        except Unavailable as error:
            return Rejected(str(error), later=True)

    async def trace(self, order: Order) -> Trace:
        """Whether the token took the authorization; absent only when it can no longer take it."""
        try:
            payment = payment_of(order.action)
            signed = await self._signatory.authorize(await self._signatory.evidence(order.grant_id))
            if await self._is_used(payment, signed):
                return Published(_receipt(payment, signed, digest="", content=b""))
        except Refused as refusal:
            # The vault signs no more for it, and says whether it ever did: by its expiry, it did not.
            return Absent() if refusal.code == "vault_expiry" else Unknown(str(refusal))
        except ChimeraError as error:
            return Unknown(str(error))
        if self._clock.now_us() > (signed.valid_before + self._settling_seconds()) * 1_000_000:
            return Absent()
        return Unknown("the authorization was not used yet, and could still be")

    async def _show(
        self,
        session: aiohttp.ClientSession,
        payment: Payment,
        payload: x402.PaymentPayload,
        signed: SignedAuthorization,
    ) -> Outcome:
        """From here on the seller could settle it, whatever it answers."""
        try:
            reply = session.get(payment.url, headers={x402.SIGNATURE: x402.to_header(payload)}, allow_redirects=False)
            async with reply as answer:
                content = await answer.content.read(CONTENT_BYTES_MAX)
                settled = x402.from_header(answer.headers.get(x402.RESPONSE, ""), x402.Settled, name=x402.RESPONSE)
        except (aiohttp.ClientError, OSError, TimeoutError, Invalid) as error:
            return await self._doubted(payment, signed, f"the seller did not answer: {type(error).__name__}")
        if not settled.success:
            return await self._doubted(payment, signed, f"not settled: {settled.error_reason[:200]}")
        # A seller's word that it was paid is not proof that we paid: the token's is.
        if not await self._is_used(payment, signed):
            return Unknown("the seller says that it was paid, and the token does not say so yet")
        return Published(_receipt(payment, signed, digest=settled.transaction, content=content))

    async def _doubted(self, payment: Payment, signed: SignedAuthorization, why: str) -> Outcome:
        try:
            if await self._is_used(payment, signed):
                return Published(_receipt(payment, signed, digest="", content=b""))
        except ChimeraError:
            return Unknown(why)
        return Unknown(why)

    async def _is_used(self, payment: Payment, signed: SignedAuthorization) -> bool:
        token = self._rules.tokens[payment.asset].address
        return any(await self._node.call(token, calls.authorization_state(signed.payer, signed.nonce)))

    def _settling_seconds(self) -> int:
        return 120

    def _require_seller(self, url: str) -> None:
        if not any(url == seller or url.startswith(f"{seller.rstrip('/')}/") for seller in self._rules.sellers):
            raise Refused("seller_not_listed", f"{url[:120]} is not of a seller on the list", where="arguments.url",
                          remedy="a person adds the seller to the wallets' file")  # fmt: skip


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS_MAX), auto_decompress=False)


async def _price(session: aiohttp.ClientSession, url: str) -> x402.Required:
    try:
        async with session.get(url, allow_redirects=False) as answer:
            told = answer.headers.get(x402.REQUIRED, "")
            if answer.status != _PAYMENT_REQUIRED or not told:
                raise Invalid(
                    "x402_malformed",
                    f"the seller answered {answer.status} and no price",
                    where=url[:120],
                    remedy="nothing to do: it is the other side's",
                )
            return x402.from_header(told, x402.Required, name=x402.REQUIRED)
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unavailable("seller_unavailable", f"the seller does not answer: {type(error).__name__}", where=url[:120],
                          remedy="it is tried again later") from error  # fmt: skip


def _receipt(payment: Payment, signed: SignedAuthorization, *, digest: str, content: bytes) -> dict[str, Any]:
    """What was bought is the public's: its bytes stand here with their hash, bounded."""
    return {
        "network": payment.chain,
        "hash": digest,
        "authorization": signed.nonce,
        "url": payment.url,
        "content": content.decode("utf-8", "replace").replace("\x00", ""),
        "content_sha256": sha256_hex(content),
        "consents": [f"{one.role}:{one.key_id}" for one in signed.consents],
    }
