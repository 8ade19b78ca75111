"""A house that pays: PostgreSQL, two vaults in processes of their own, and wallets on real nodes beside us."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from chimera import bootstrap
from chimera.adapters.chain.assembly import open_wallets
from chimera.adapters.chain.wallet import ChainWallet
from chimera.adapters.system.clock import SystemClock
from chimera.adapters.vault import keys
from chimera.adapters.vault.client import VaultClient
from chimera.adapters.vault.keeping import VaultOrder, kept_vault
from chimera.adapters.vault.process import Begin
from chimera.adapters.vault.published import PublishedKeys
from chimera.adapters.vault.server import SECOND
from chimera.domain.action import Action
from chimera.domain.address import checksummed
from chimera.domain.agent import Account
from chimera.domain.errors import ChimeraError, Refused, Unavailable
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.granted import Granted
from chimera.domain.roles import Role
from chimera.domain.wallets import NATIVE, NETWORKS, USDC, ChainRules, Token, WalletRules
from chimera.governance.sealing import SealVerifier
from chimera.pipeline.effects import Effects
from chimera.pipeline.sealing import Sealing
from chimera.pipeline.settling.settle import Settle
from chimera.ports.store import Store
from chimera.settings import Settings
from chimera.testing.chain.anvil import Anvil
from tests import homes
from tests.small_house import PACK, SmallHouse

VENDOR = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
WALLET = "treasury"
CLIENTS = {name: Ed25519PrivateKey.generate() for name in ("manager", "office", "effects")}


def a_chain_payment(
    units: int = 1_000, *, chain: str = "ethereum", recipient: str = VENDOR, cost_micros: int = 0, **more: str
) -> Action:
    asset = more.pop("asset", USDC)
    cost = cost_micros or units
    return Action(
        kind="payment.send", platform=chain, account=WALLET, cost_micros=cost, recipient=recipient, category="api",
        arguments={"recipient": recipient, "amount_micros": cost, "currency": "USD", "purpose": "a test",
                   "asset": asset, "amount": str(units), **more},
    )  # fmt: skip


class ChainHouse(SmallHouse):
    """Everything real but the worker and the gate."""

    def __init__(self, folder: Path) -> None:
        super().__init__(clock=SystemClock())
        self.folder = folder
        self.nodes: dict[str, Anvil] = {}
        self.tokens: dict[str, str] = {}
        self.wallets: dict[str, ChainWallet] = {}
        self.address = ""
        accounts = tuple(Account(platform=chain, handle=WALLET) for chain in NETWORKS)
        self.agent = replace(self.agent, accounts=(*self.agent.accounts, *accounts))

    def rules(self, **more: object) -> WalletRules:
        return WalletRules(chains={
            chain: replace(
                ChainRules(
                    rpc=node.rpc, recipients=(VENDOR,), tokens={USDC: Token(address=self.tokens[chain])},
                    coin_micros_max=4_000_000_000, confirmations=2, final_blocks=40, stuck_seconds=3.0,
                ),
                **more,
            )
            for chain, node in self.nodes.items()
        })  # fmt: skip

    def client(self, which: str, name: str) -> VaultClient:
        return VaultClient(self.folder / which / "v.sock", client=name, key=CLIENTS[name], clock=self.clock)

    def order(self, which: str, rules: WalletRules | None) -> VaultOrder:
        folder = self.folder / which
        for name, key in CLIENTS.items():
            keys.publish(folder / "clients" / f"{name}.pub", key)
        first = which == "first"
        begin = Begin(
            rules=rules, order="first" if first else SECOND,
            sealers="" if first else str(self.folder / "first" / "sealing"),
        )  # fmt: skip
        return VaultOrder(
            folder=folder, socket=folder / "v.sock", policy_digest=PACK.digest, cap_micros_day=10**12, begin=begin
        )

    @asynccontextmanager
    async def vaults(self, rules: WalletRules) -> AsyncGenerator[None]:
        """Both, told that nothing is halted."""
        async with AsyncExitStack() as stack:
            keys.load_or_make(self.folder / "first" / "sealing.key", keys.passphrase(self.folder / "first", ""))
            await stack.enter_async_context(kept_vault(self.order("second", rules)))
            (self.folder / "first" / "consents").mkdir(parents=True, exist_ok=True)
            shutil.copy(self.folder / "second" / "consent.pub", self.folder / "first" / "consents" / "second.pub")
            await stack.enter_async_context(kept_vault(self.order("first", rules)))
            await self.tell_vaults()
            yield

    @asynccontextmanager
    async def stores(self) -> AsyncGenerator[None]:
        """PostgreSQL, as `chimera up` starts it."""
        homes.furnish(self.folder / "home")
        async with bootstrap.database(Settings(home=str(self.folder / "home"))) as found:
            self.found = found
            self.office = await found.store(Role.OFFICE, writer="office-0")
            self.manager = await found.store(Role.MANAGER, writer="manager-0")
            self.acting = await found.store(Role.EFFECTS, writer="effects-0")
            try:
                yield
            finally:
                for store in (self.office, self.manager, self.acting):
                    await store.close()

    @asynccontextmanager
    async def paying(self, rules: WalletRules) -> AsyncGenerator[None]:
        """Wallets that watch their chains; effects that may use them."""
        manager = self.client("first", "manager")
        self.sealing = Sealing(sealer=manager, store=self.manager, clock=self.clock, ids=self.ids)
        self.settle = Settle(store=self.manager, clock=self.clock)
        async with self._effects(rules, self.acting) as self.performs:
            try:
                yield
            finally:
                await manager.close()

    @asynccontextmanager
    async def reopened(self, rules: WalletRules) -> AsyncGenerator[None]:
        """Effects begins anew, as after a crash: another epoch of its writer, and nothing remembered."""
        await self.acting.close()
        self.acting = await self.found.store(Role.EFFECTS, writer="effects-0")
        async with self._effects(rules, self.acting) as self.performs:
            yield

    @asynccontextmanager
    async def another(self, rules: WalletRules) -> AsyncGenerator[Effects]:
        """A second effects process on the same wallets."""
        store = await self.found.store(Role.EFFECTS, writer="effects-1")
        async with self._effects(rules, store) as effects:
            yield effects
        await store.close()

    @asynccontextmanager
    async def _effects(self, rules: WalletRules, store: Store) -> AsyncGenerator[Effects]:
        first, second = self.client("first", "effects"), self.client("second", "effects")
        opened = open_wallets(rules, keys=first, second=second, store=store, clock=self.clock,
                              given=self.folder / "given", otherwise=self.publisher)  # fmt: skip
        async with opened as payer:
            self.wallets = {chain: payer.wallet(chain, WALLET) for chain in rules.chains}
            self.buyer = payer.buyer
            seals = SealVerifier(PublishedKeys(self.folder / "first" / "sealing"))
            try:
                yield Effects(store=store, publisher=payer, clock=self.clock, seals=seals)
            finally:
                await first.close()
                await second.close()

    async def tell_vaults(self) -> None:
        """As the orchestrator does, again and again: a vault that was started anew takes everything for halted."""
        for which in ("first", "second"):
            office = self.client(which, "office")
            try:
                with suppress(ChimeraError):
                    await office.halt([])
            finally:
                await office.close()

    async def begin_chains(
        self, *, block_seconds: float = 0.25, dump_seconds: int = 5, chains: tuple[str, ...] = tuple(NETWORKS)
    ) -> None:
        for chain in chains:
            node = Anvil(self.folder / chain, chain_id=NETWORKS[chain].chain_id, block_seconds=block_seconds,
                         dump_seconds=dump_seconds)  # fmt: skip
            await node.start()
            self.nodes[chain] = node
            self.tokens[chain] = checksummed((await node.deploy_token())[2:])

    async def fill_wallet(self) -> None:
        first = self.client("first", "effects")
        self.address = await first.address(WALLET)
        await first.close()
        for chain, node in self.nodes.items():
            await node.fund(self.address)
            await node.give_tokens(self.tokens[chain], self.address, 10**12)

    async def pay_surely(self, action: Action) -> Performance:
        """As the manager does it: what certainly did not happen is granted anew."""
        async with asyncio.timeout(600):
            while True:
                await self.tell_vaults()
                try:
                    granted = await self.grant(action)
                except (Unavailable, Refused) as error:
                    # The vault was started anew, and may not have been told yet: this grant is never sealed.
                    if isinstance(error, Refused) and error.code != "halted":
                        raise
                    await asyncio.sleep(0.2)
                    continue
                performance = await self.pay(granted)
                if performance.state is not PerformanceState.FAILED or not performance.later:
                    return performance
                await asyncio.sleep(0.5)

    async def end_chains(self) -> None:
        for node in self.nodes.values():
            with suppress(ProcessLookupError):
                await node.kill()

    async def pay(self, granted: Granted, *, by: Effects | None = None) -> Performance:
        """As the manager does it: perform, recover while in doubt, settle."""
        effects = by or self.performs
        performance = await effects.perform(granted.grant.id)
        async with asyncio.timeout(240):
            while performance.state is PerformanceState.IN_DOUBT:
                await asyncio.sleep(0.2)
                performance = await effects.recover(performance)
        await self.settle.finish(granted, performance)
        return performance


@asynccontextmanager
async def chain_house(
    folder: Path, *, block_seconds: float = 0.25, dump_seconds: int = 5, chains: tuple[str, ...] = tuple(NETWORKS),
    **rules: object,
) -> AsyncGenerator[ChainHouse]:  # fmt: skip
    """The whole house, ready to pay."""
    house = ChainHouse(folder)
    try:
        await house.begin_chains(block_seconds=block_seconds, dump_seconds=dump_seconds, chains=chains)
        made = house.rules(**rules)
        async with house.stores(), house.vaults(made):
            await house.fill_wallet()
            await house.open()
            async with house.paying(made):
                yield house
    finally:
        await house.end_chains()


def vault_pids(folder: Path) -> list[int]:
    """The vault's process of a folder."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if b"chimera.adapters.vault.process" in words and str(folder).encode() in words:
                found.append(int(entry.name))
    return found


__all__ = ["NATIVE", "ChainHouse", "a_chain_payment", "chain_house", "vault_pids"]
