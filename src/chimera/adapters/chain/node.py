"""A node of one chain, through web3. Says what it knows; whatever goes wrong on the way is `Unavailable`.

CCIP read is off: a contract may not tell us which address on the internet to ask.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, cast

import aiohttp
from msgspec import Struct
from web3 import AsyncHTTPProvider, AsyncWeb3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception, Web3RPCError
from web3.types import TxParams

from chimera.adapters.chain.depth import keep_recursion_shallow
from chimera.domain.errors import Refused, Unavailable

keep_recursion_shallow()

SECONDS_MAX = 10
BLOCKS_LOOKED_AT = 10
# The cheap end of what was paid lately: validators took it, block after block.
PERCENTILE = 10.0
_KNOWN = ("already known", "already imported", "known transaction", "transaction already")
_PAST = ("nonce too low",)


class Seen(Struct, frozen=True, kw_only=True):
    """A transaction in a block."""

    hash: str
    block: int
    succeeded: bool
    gas_used: int
    price_wei: int
    base_wei: int
    # What the contract that it made has said, where it made one.
    said: bytes = b""


class Weather(Struct, frozen=True, kw_only=True):
    """What carriage costs now: the base fees of late, the next one, tips that were enough, the node's own advice."""

    base_wei: tuple[int, ...]
    next_base_wei: int
    tips_wei: tuple[int, ...]
    advised_tip_wei: int


class Node:
    """One endpoint. Its chain is checked once: a wrong URL must not move real money."""

    def __init__(self, rpc: str, *, chain_id: int) -> None:
        self._provider = AsyncHTTPProvider(rpc, request_kwargs={"timeout": aiohttp.ClientTimeout(total=SECONDS_MAX)},
                                           exception_retry_configuration=None)  # fmt: skip
        self._web3 = AsyncWeb3(self._provider)
        self._provider.global_ccip_read_enabled = False
        self._rpc = rpc
        self._chain_id = chain_id
        self._is_checked = False

    async def close(self) -> None:
        """Hang up."""
        await self._provider.disconnect()

    async def head(self) -> int:
        """The newest block's number."""
        async with self._asking():
            await self._require_chain()
            return int(await self._web3.eth.block_number)

    async def used(self, address: str, *, with_pending: bool = False) -> int:
        """How many nonces of an address are used up in blocks, or are waited for."""
        async with self._asking():
            await self._require_chain()
            where = "pending" if with_pending else "latest"
            return int(await self._web3.eth.get_transaction_count(cast("Any", address), where))

    async def weather(self) -> Weather:
        """What carriage costs."""
        async with self._asking():
            await self._require_chain()
            history = cast("dict[str, Any]", await self._web3.eth.fee_history(BLOCKS_LOOKED_AT, "latest", [PERCENTILE]))
            advised = int(await self._web3.eth.max_priority_fee)
        base = [int(one) for one in history["baseFeePerGas"]]
        rewards = zip(history.get("reward") or (), history["gasUsedRatio"], strict=False)
        tips = tuple(int(block[0]) for block, used in rewards if used)
        return Weather(base_wei=tuple(base[:-1]), next_base_wei=base[-1], tips_wei=tips, advised_tip_wei=advised)

    async def gas(self, *, sender: str, to: str, value: int, data: str) -> int:
        """What a call would use, or code that runs once where nobody is called; `Refused` when the contract says no."""
        called = {"to": to} if to else {}
        call = cast("TxParams", {"from": sender, **called, "value": value, "data": data})
        try:
            async with self._asking():
                await self._require_chain()
                return int(await self._web3.eth.estimate_gas(call))
        except _Said as said:
            raise Refused(
                "chain_would_revert",
                f"the chain would not take it: {said}",
                where=self._rpc,
                remedy="the message says why; fill the wallet",
            ) from said

    async def call(self, to: str, data: str) -> bytes:
        """What a contract answers."""
        try:
            async with self._asking():
                await self._require_chain()
                answer = await self._web3.eth.call(cast("TxParams", {"to": to, "data": data}), ccip_read_enabled=False)
                return bytes(answer)
        except _Said as said:
            raise Refused(
                "chain_would_revert",
                f"the contract says no: {said}",
                where=self._rpc,
                remedy="the message says why; fill the wallet",
            ) from said

    async def send(self, raw: str) -> str:
        """Hand a signed transaction in. Empty when it is taken or was taken before; otherwise what the node says."""
        try:
            async with self._asking():
                await self._require_chain()
                await self._web3.eth.send_raw_transaction(cast("Any", raw))
        except _Said as said:
            text = str(said).lower()
            return "" if any(word in text for word in (*_KNOWN, *_PAST)) else str(said)[:300]
        return ""

    async def seen(self, digest: str) -> Seen | None:
        """The transaction in its block, unless it is in none."""
        async with self._asking():
            await self._require_chain()
            try:
                found = cast("dict[str, Any]", await self._web3.eth.get_transaction_receipt(cast("Any", digest)))
                block = cast("dict[str, Any]", await self._web3.eth.get_block(found["blockNumber"]))
            except TransactionNotFound:
                return None
        return Seen(hash=digest, block=int(found["blockNumber"]), succeeded=found["status"] == 1,
                    gas_used=int(found["gasUsed"]), price_wei=int(found["effectiveGasPrice"]),
                    base_wei=int(block.get("baseFeePerGas", 0)), said=_said_by_made(found))  # fmt: skip

    async def _require_chain(self) -> None:
        if self._is_checked:
            return
        found = int(await self._web3.eth.chain_id)
        if found != self._chain_id:
            raise Refused("chain_id_differs", f"the node is on chain {found}, not on {self._chain_id}", where=self._rpc,
                          remedy="mend rpc in the wallets' file")  # fmt: skip
        self._is_checked = True

    @asynccontextmanager
    async def _asking(self) -> AsyncGenerator[None]:
        try:
            yield
        except (ContractLogicError, Web3RPCError) as error:
            raise _Said(str(error)) from error
        except (aiohttp.ClientError, OSError, TimeoutError, Web3Exception, KeyError, ValueError, TypeError) as error:
            self._is_checked = False
            raise Unavailable("chain_unavailable", f"the node does not answer: {type(error).__name__}", where=self._rpc,
                              remedy="check rpc in the wallets' file") from error  # fmt: skip


def _said_by_made(receipt: dict[str, Any]) -> bytes:
    """The only log of a contract whose address was made by this transaction: nobody else can speak from there."""
    made = receipt.get("contractAddress")
    logs = [bytes(log["data"]) for log in receipt["logs"] if made and log["address"] == made]
    return logs[-1] if logs else b""


class _Said(Exception):
    """The node understood, and said no."""
