"""A thousand payments while the chains misbehave: restarts, a reorganisation, a spike, what is stuck or forgotten.

Each is exactly once on its chain afterwards, and no nonce was left out.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chimera.domain.grant import PerformanceState
from chimera.domain.transfer import Transfer, TransferState
from chimera.testing.chain.anvil import Anvil
from tests.chain_house import VENDOR, ChainHouse, a_chain_payment, chain_house

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.faults, pytest.mark.timeout(840)]

PAYMENTS = 1_000
GWEI = 10**9
AT_ONCE = 24


async def base_fee(node: Anvil, gwei: int) -> None:
    await node.ask("anvil_setNextBlockBaseFeePerGas", hex(gwei * GWEI))


async def forget(node: Anvil) -> int:
    """What lies in the node's pool is dropped, as full nodes do."""
    pool = await node.ask("txpool_content")
    waiting = [one["hash"] for by in pool["pending"].values() for one in by.values()]
    for digest in waiting:
        await node.ask("anvil_dropTransaction", digest)
    return len(waiting)


async def trouble(house: ChainHouse, made: list[int]) -> list[str]:
    """One after the other, at fixed shares of the work."""
    told: list[str] = []
    steps = {
        0.10: "restart",
        0.25: "stuck",
        0.40: "restart",
        0.50: "kill",
        0.65: "spike",
        0.75: "forget",
        0.85: "restart",
    }
    for share, what in steps.items():
        while len(made) < share * PAYMENTS:
            await asyncio.sleep(0.1)
        for node in house.nodes.values():
            match what:
                case "restart":
                    await node.stop()
                    await node.start()
                case "kill":
                    await node.kill_after_dump(4)
                    await node.start()
                case "stuck":
                    await base_fee(node, 150)
                case "spike":
                    await base_fee(node, 2_000)
                case _:
                    await forget(node)
        told.append(what)
    return told


@pytest.mark.parametrize("together", [1, 10], ids=["each alone", "small ones together"])
async def test_a_thousand_payments_each_exactly_once(together: int) -> None:
    rules: dict[str, Any] = {"patience_seconds": 10.0, "shared_max": together, "gather_seconds": 1.0}
    with TemporaryDirectory(prefix="c") as name:
        async with chain_house(Path(name), dump_seconds=15, **rules) as house:
            await house.set_cap(f"agent:{house.agent.id}", "day", 10**10)
            made: list[int] = []
            slots = asyncio.Semaphore(AT_ONCE)

            async def one(number: int) -> None:
                chain = ("ethereum", "polygon")[number % 2]
                async with slots:
                    performance = await house.pay_surely(a_chain_payment(1_000 + number, chain=chain))
                assert performance.state is PerformanceState.FINISHED, performance
                made.append(number)

            # A node that does not come back ends the test at once, and says why.
            async with asyncio.TaskGroup() as everything:
                troubles = everything.create_task(trouble(house, made))
                for number in range(PAYMENTS):
                    everything.create_task(one(number))
            assert troubles.result() == ["restart", "stuck", "restart", "kill", "spike", "forget", "restart"]
            await final(house)
            await judge(house, together=together)


async def final(house: ChainHouse) -> None:
    """Until every payment is so deep that nothing brings it back."""
    async with asyncio.timeout(120):
        while any(one.book.open for one in house.wallets.values()):
            await asyncio.sleep(0.2)


async def judge(house: ChainHouse, *, together: int) -> None:
    """The chain's own log against ours."""
    transfers: list[Transfer] = []
    while found := await house.manager.list(Transfer, after=transfers[-1].id if transfers else ""):
        transfers += found
    replaced = sum(len(one.sendings) > 1 for one in transfers)
    assert replaced > 0, "a stuck transaction was replaced"
    for parity, (chain, node) in enumerate(house.nodes.items()):
        ours = [one for one in transfers if one.chain == chain]
        log = await node.received(house.tokens[chain], VENDOR)
        assert sorted(units for units, _ in log) == [1_000 + number for number in range(parity, PAYMENTS, 2)]
        nonces = {one.nonce for one in ours}
        assert sorted(nonces) == list(range(len(nonces))), "no gaps"
        assert len({(one.nonce, one.place) for one in ours}) == len(ours) == PAYMENTS // 2, "no place twice"
        assert (len(nonces) < PAYMENTS // 4) == (together > 1), "one transaction for each, or for several"
        assert {one.state for one in ours} == {TransferState.FINAL}
        assert {one.mined_hash for one in ours} == {digest for _, digest in log}
        used = int(await node.ask("eth_getTransactionCount", house.address, "latest"), 16)
        assert used == len(nonces)
