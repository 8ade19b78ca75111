"""Assembles what looks after money: breakers, wallets, exchange rates. A part of bootstrap; it decides nothing."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Sequence

from chimera.adapters.documents.wallets import load_wallets
from chimera.adapters.local.home import prepare_home
from chimera.adapters.rates.http import EuropeanRates, OpenRates
from chimera.adapters.system.clock import SystemClock
from chimera.assembly.vaults import Vaults
from chimera.domain.errors import Invalid
from chimera.domain.wallets import Carriage
from chimera.governance.exchange import Exchange
from chimera.governance.halts import Halts
from chimera.governance.spending_breakers import BreakerReadings, SpendingBreakers
from chimera.governance.treasury import Treasury
from chimera.ports.clock import Clock
from chimera.ports.publisher import Publisher
from chimera.ports.store import Store
from chimera.settings import Settings


async def carriage_quotes(settings: Settings) -> Sequence[Carriage]:
    """What carriage costs on each chain now, cheapest first."""
    # Imported when used: web3 takes longer to load than all the rest.
    from chimera.adapters.chain.quoting import quotes

    if settings.wallets_file is None:
        raise Invalid("wallets_missing", "there are no wallets", where="CHIMERA_WALLETS",
                      remedy="write the file that docs/guides/wallets.md shows")  # fmt: skip
    return await quotes(load_wallets(settings.wallets_file))


@contextlib.asynccontextmanager
async def paying(
    settings: Settings, vaults: Vaults, publisher: Publisher, *, acting: Store, clock: Clock
) -> AsyncGenerator[Publisher]:
    """The publisher with wallets in front of it, where there are any; they watch their chains meanwhile."""
    if settings.wallets_file is None:
        yield publisher
        return
    # Imported when used: web3 takes longer to load than all the rest.
    from chimera.adapters.chain.assembly import open_wallets

    made = open_wallets(
        load_wallets(settings.wallets_file), keys=vaults.payer, second=vaults.second_payer, store=acting,
        clock=clock, given=prepare_home(settings.folder) / "consents", otherwise=publisher,
    )  # fmt: skip
    async with made as opened:
        yield opened


def breakers(settings: Settings, office: Store, clock: Clock, *, halts: Halts) -> SpendingBreakers:
    """What halts when money goes faster than it should."""
    return SpendingBreakers(
        reads=office,
        halts=halts,
        readings=BreakerReadings(reads=office, treasury=Treasury(zone=settings.zone), clock=clock),
    )


def exchange(settings: Settings) -> Exchange:
    """The two sources of exchange rates, by the addresses that are set."""
    return Exchange(sources=(EuropeanRates(settings.rates_url_first), OpenRates(settings.rates_url_second)),
                    clock=SystemClock())  # fmt: skip
