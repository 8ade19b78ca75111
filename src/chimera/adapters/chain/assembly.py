"""Puts the wallets together: one for each name on each chain, watching as long as they are open. Decides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from chimera.adapters.chain.buyer import Buyer
from chimera.adapters.chain.node import Node
from chimera.adapters.chain.publisher import ChainPublisher
from chimera.adapters.chain.signatory import GivenConsents, Signatory
from chimera.adapters.chain.wallet import ChainWallet
from chimera.domain.wallets import NETWORKS, WalletRules
from chimera.ports.clock import Clock
from chimera.ports.publisher import Publisher
from chimera.ports.store import Store
from chimera.ports.wallet import Countersigner, Keyholder


@asynccontextmanager
async def open_wallets(
    rules: WalletRules, *, keys: Keyholder, second: Countersigner | None, store: Store, clock: Clock, given: Path,
    otherwise: Publisher,
) -> AsyncGenerator[ChainPublisher]:  # fmt: skip
    """A publisher that pays."""
    signatory = Signatory(keys=keys, second=second, store=store, given=GivenConsents(given))
    async with AsyncExitStack() as stack:
        made: dict[tuple[str, str], ChainWallet] = {}
        buyers: dict[str, Buyer] = {}
        for chain, one in rules.chains.items():
            node = Node(one.rpc, chain_id=NETWORKS[chain].chain_id)
            stack.push_async_callback(node.close)
            buyers[chain] = Buyer(rules=one, node=node, signatory=signatory, clock=clock)
            for name in rules.wallets:
                made[chain, name] = ChainWallet(chain=chain, wallet=name, rules=one, node=node, signatory=signatory,
                                                store=store, clock=clock)  # fmt: skip
        watching = [asyncio.create_task(one.run(), name="wallet") for one in made.values()]
        stack.push_async_callback(_end, watching)
        yield ChainPublisher(made, buyers=buyers, otherwise=otherwise)


async def _end(watching: list[asyncio.Task[None]]) -> None:
    for one in watching:
        one.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
