"""A facilitator beside a test: verifies x402 payments and brings them to anvil, which pays the carriage."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from aiohttp import web
from eth_account import Account
from eth_account.messages import encode_typed_data

from chimera.adapters.chain import x402
from chimera.adapters.chain.depth import keep_recursion_shallow
from chimera.adapters.chain.x402 import Asked, Settled, Verified
from chimera.testing.chain.anvil import RICH, Anvil

keep_recursion_shallow()

_FIELDS = (("from", "address"), ("to", "address"), ("value", "uint256"), ("validAfter", "uint256"),
           ("validBefore", "uint256"), ("nonce", "bytes32"))  # fmt: skip
_SETTLE = (
    "0xe3ee160e"  # transferWithAuthorization(address,address,uint256,uint256,uint256,bytes32,uint8,bytes32,bytes32)
)
_STATE = "0xe94a0102"  # authorizationState(address,bytes32)


class Facilitator:
    """One chain."""

    def __init__(self, node: Anvil, *, chain_id: int) -> None:
        self._node = node
        self._chain_id = chain_id
        self.settled = 0

    def app(self) -> web.Application:
        """Its three doors."""
        app = web.Application()
        app.router.add_get("/supported", self._supported)
        app.router.add_post("/verify", self._verify)
        app.router.add_post("/settle", self._settle)
        return app

    async def _supported(self, _: web.Request) -> web.Response:
        kinds = [{"x402Version": x402.VERSION, "scheme": x402.EXACT, "network": f"eip155:{self._chain_id}"}]
        return web.json_response({"kinds": kinds})

    async def _verify(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=Asked)
        why = await self._wrong(asked)
        payer = asked.payment.payload.authorization.payer
        return _json(Verified(is_valid=not why, invalid_reason=why, payer=payer))

    async def _settle(self, request: web.Request) -> web.Response:
        asked = msgspec.json.decode(await request.read(), type=Asked)
        network, payer = asked.requirements.network, asked.payment.payload.authorization.payer
        if why := await self._wrong(asked):
            return _json(Settled(success=False, error_reason=why, network=network, payer=payer))
        digest = await self._node.ask(
            "eth_sendTransaction", {"from": RICH, "to": asked.requirements.asset, "data": _call(asked)}
        )
        receipt = await self._node.mined(digest)
        succeeded = receipt["status"] == "0x1"
        self.settled += succeeded
        reason = "" if succeeded else "invalid_transaction_state"
        return _json(Settled(success=succeeded, transaction=digest, network=network, payer=payer, error_reason=reason))

    async def _wrong(self, asked: Asked) -> str:
        """Why it may not be settled, as x402 names it."""
        wanted, told = asked.requirements, asked.payment.payload.authorization
        if (wanted.scheme, wanted.network) != (x402.EXACT, f"eip155:{self._chain_id}"):
            return "invalid_network"
        if told.to.lower() != wanted.pay_to.lower():
            return "invalid_exact_evm_payload_recipient_mismatch"
        if told.value != wanted.amount:
            return "invalid_exact_evm_payload_authorization_value_mismatch"
        if not int(told.valid_after) <= time.time() < int(told.valid_before):
            return "invalid_exact_evm_payload_authorization_valid_before"
        if _signer(asked, self._chain_id) != told.payer:
            return "invalid_exact_evm_payload_signature"
        state = await self._node.ask(
            "eth_call", {"to": wanted.asset, "data": _STATE + _word(told.payer) + told.nonce[2:]}, "latest"
        )
        if int(state, 16):
            return "invalid_transaction_state"
        return "" if await self._node.balance(wanted.asset, told.payer) >= int(told.value) else "insufficient_funds"


def _signer(asked: Asked, chain_id: int) -> str:
    told, wanted = asked.payment.payload.authorization, asked.requirements
    domain = {**wanted.extra, "chainId": chain_id, "verifyingContract": wanted.asset}
    kinds = {"TransferWithAuthorization": [{"name": name, "type": kind} for name, kind in _FIELDS]}
    values = {"from": told.payer, "to": told.to, "value": int(told.value), "validAfter": int(told.valid_after),
              "validBefore": int(told.valid_before), "nonce": bytes.fromhex(told.nonce[2:])}  # fmt: skip
    message = encode_typed_data(domain, kinds, values)
    try:
        return str(Account.recover_message(message, signature=asked.payment.payload.signature))
    except Exception:  # noqa: BLE001 – whatever the library says about a bad signature: it is nobody's.
        return ""


def _call(asked: Asked) -> str:
    told, signature = asked.payment.payload.authorization, asked.payment.payload.signature[2:]
    numbers = "".join(f"{int(one):064x}" for one in (told.value, told.valid_after, told.valid_before))
    r, s, v = signature[:64], signature[64:128], int(signature[128:], 16)
    return f"{_SETTLE}{_word(told.payer)}{_word(told.to)}{numbers}{told.nonce[2:]}{v:064x}{r}{s}"


def _word(address: str) -> str:
    return address[2:].lower().rjust(64, "0")


def _json(message: Any) -> web.Response:  # noqa: ANN401 – any message of x402.
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")
