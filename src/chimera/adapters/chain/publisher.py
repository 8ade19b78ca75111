"""Leads each payment on a chain to its wallet, and all else to the networks. Implements `ports.publisher.Publisher`."""

from __future__ import annotations

from collections.abc import Mapping

from chimera.adapters.chain.buyer import Buyer
from chimera.adapters.chain.wallet import ChainWallet
from chimera.domain.action import Action
from chimera.domain.wallets import is_on_chain, wallet_of
from chimera.ports.publisher import Absent, Order, Outcome, Publisher, Rejected, Trace, Traits

# The same attempt sent again is the same nonce, and a nonce can be asked after.
TRAITS = Traits(deduplicates=True, looks_up=True, settling_seconds=1.0)


class ChainPublisher:
    """Wallets by chain and name; a payment with an address on the web is a purchase there."""

    def __init__(
        self, wallets: Mapping[tuple[str, str], ChainWallet], *, buyers: Mapping[str, Buyer], otherwise: Publisher
    ) -> None:
        self._wallets = dict(wallets)
        self._buyers = dict(buyers)
        self._chains = frozenset(chain for chain, _ in wallets)
        self._otherwise = otherwise

    def traits(self, action: Action) -> Traits:
        """What the network can do about doubt."""
        return TRAITS if action.platform in self._chains else self._otherwise.traits(action)

    async def publish(self, order: Order) -> Outcome:
        """Pay, or pass it on."""
        if not is_on_chain(order.action):
            return await self._otherwise.publish(order)
        payer = self._payer(order.action)
        if payer is None:
            return Rejected(f"there is no wallet {order.action.account} on {order.action.platform}")
        return await payer.pay(order)

    async def look_up(self, order: Order) -> Trace:
        """What has become of it."""
        if not is_on_chain(order.action):
            return await self._otherwise.look_up(order)
        payer = self._payer(order.action)
        return Absent() if payer is None else await payer.trace(order)

    def wallet(self, chain: str, name: str) -> ChainWallet:
        """One of them."""
        return self._wallets[chain, name]

    def buyer(self, chain: str) -> Buyer:
        """The one that buys on a chain."""
        return self._buyers[chain]

    def _payer(self, action: Action) -> ChainWallet | Buyer | None:
        wallet = self._wallets.get((action.platform, wallet_of(action.account)))
        return self._buyers.get(action.platform) if wallet and action.arguments.get("url") else wallet
