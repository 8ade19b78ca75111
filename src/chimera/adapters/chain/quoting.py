"""What the same payment's carriage costs on each chain now, and where it costs least. Proposes; nobody pays by it."""

from __future__ import annotations

from collections.abc import Sequence

from chimera.adapters.chain import fees
from chimera.adapters.chain.node import Node
from chimera.domain.wallets import NETWORKS, Carriage, WalletRules

# A transfer of a token to somebody who has some: 45,000 to 52,000 for USDC; to somebody new 17,000 more.
TOKEN_GAS = 65_000


async def quotes(rules: WalletRules, *, gas: int = TOKEN_GAS) -> Sequence[Carriage]:
    """Cheapest first. A chain whose node does not answer is `Unavailable`: half a comparison is none."""
    found: list[Carriage] = []
    for chain, one in sorted(rules.chains.items()):
        node = Node(one.rpc, chain_id=NETWORKS[chain].chain_id)
        try:
            weather = await node.weather()
        finally:
            await node.close()
        found.append(fees.carriage(chain, gas, weather, rules=one, network=NETWORKS[chain]))
    return sorted(found, key=lambda one: (one.micros, one.chain))
