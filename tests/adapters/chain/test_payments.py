"""Payments on real nodes under both chains' ids, through the whole path: each exactly once, nonces without gaps."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from chimera.domain.errors import ChimeraError
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.granted import Granted
from chimera.domain.task import Task, TaskState
from chimera.domain.wallets import NATIVE, WalletRules
from tests.chain_house import VENDOR, ChainHouse, a_chain_payment, chain_house, vault_pids

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.slow, pytest.mark.timeout(400)]


async def nonces(house: ChainHouse, chain: str) -> int:
    return int(await house.nodes[chain].ask("eth_getTransactionCount", house.address, "latest"), 16)


async def test_twenty_payments_on_two_chains() -> None:
    with TemporaryDirectory(prefix="c") as name:
        async with chain_house(Path(name)) as house:
            amounts = {chain: [1_000 + number for number in range(10)] for chain in house.nodes}
            granted = [
                await house.grant(a_chain_payment(units, chain=chain))
                for chain, all_of in amounts.items()
                for units in all_of
            ]
            made = await asyncio.gather(*(house.pay(one) for one in granted))
            assert {one.state for one in made} == {PerformanceState.FINISHED}, made
            for chain, all_of in amounts.items():
                found = await house.nodes[chain].transfers(house.tokens[chain], house.address)
                assert sorted(units for units, _ in found) == all_of
                assert await nonces(house, chain) == 10
                hashes = {one.receipt["hash"] for one in made if one.platform == chain and one.receipt}
                assert hashes == {digest for _, digest in found}
            for one in granted:
                assert (await house.manager.get(Task, one.task.id)).state is TaskState.DONE
            # Told against a wallet that pays what its node advises; anvil advises more than its blocks ask for.
            assert all(one.receipt and int(one.receipt["fee_wei"]) > 0 for one in made)
            assert all(one.receipt and int(one.receipt["saved_wei"]) >= 0 for one in made)
            await coins(house)


async def coins(house: ChainHouse) -> None:
    """The chain's own coin, on both: what leaves is what was granted, to the wei."""
    for chain, node in house.nodes.items():
        before = int(await node.ask("eth_getBalance", VENDOR, "latest"), 16)
        action = a_chain_payment(10**12 + 7, chain=chain, asset=NATIVE, cost_micros=5_000)
        made = await house.pay(await house.grant(action))
        assert made.state is PerformanceState.FINISHED, made
        assert int(await node.ask("eth_getBalance", VENDOR, "latest"), 16) - before == 10**12 + 7


@pytest.mark.parametrize("together", [1, pytest.param(8, marks=pytest.mark.faults)])
async def test_we_die_at_every_step_and_each_payment_comes_once(together: int) -> None:
    """Effects is cancelled at moments of every kind, its writer opened anew, and both vaults are killed on the way."""
    sharing: dict[str, Any] = {"shared_max": together, "gather_seconds": 0.2}
    with TemporaryDirectory(prefix="c") as name:
        async with chain_house(Path(name), chains=("polygon",), **sharing) as house:
            made = house.rules(**sharing)
            granted = [await house.grant(a_chain_payment(2_000 + number, chain="polygon")) for number in range(8)]
            for moment in range(8):
                await _die(house, made, granted, after_seconds=0.03 * 1.7**moment, kill=("first", "second")[moment % 2])
            async with house.reopened(made):
                ended = await asyncio.gather(*(_finish(house, one) for one in granted))
                for number, one in enumerate(ended):
                    # Nothing was signed while a vault was away: it certainly did not happen, and is granted anew.
                    assert one.state is PerformanceState.FINISHED or one.later, one
                    if one.state is PerformanceState.FAILED:
                        again = await house.pay_surely(a_chain_payment(2_000 + number, chain="polygon"))
                        assert again.state is PerformanceState.FINISHED
            found = await house.nodes["polygon"].received(house.tokens["polygon"], VENDOR)
            assert sorted(units for units, _ in found) == [2_000 + number for number in range(8)]
            assert await nonces(house, "polygon") == len({digest for _, digest in found}), "no gaps"


async def _die(
    house: ChainHouse, made: WalletRules, granted: list[Granted], *, after_seconds: float, kill: str
) -> None:
    async with house.reopened(made):
        acting = [asyncio.create_task(_finish(house, one)) for one in granted]
        await asyncio.sleep(after_seconds)
        for pid in vault_pids(house.folder / kill):
            os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(after_seconds / 2)
        for one in acting:
            one.cancel()
        await asyncio.gather(*acting, return_exceptions=True)


async def _finish(house: ChainHouse, granted: Granted) -> Performance:
    """As sweeping does it: perform what was not begun, recover what was."""
    async with asyncio.timeout(120):
        while True:
            await house.tell_vaults()
            found = await house.acting.find(Performance, granted.grant.id)
            if found is not None and found.state in (PerformanceState.FINISHED, PerformanceState.FAILED):
                return found
            try:
                effects = house.performs
                await (effects.perform(granted.grant.id) if found is None else effects.recover(found))
            except ChimeraError:
                await asyncio.sleep(0.2)


async def test_a_wallet_in_another_house_cannot_take_the_same_nonce() -> None:
    """Two effects processes on one wallet: the record's id lets one of them have a number; each payment comes once."""
    with TemporaryDirectory(prefix="c") as name:
        async with chain_house(Path(name), chains=("polygon",)) as house:
            granted = [await house.grant(a_chain_payment(3_000 + number, chain="polygon")) for number in range(12)]
            first = house.performs
            async with house.another(house.rules()) as second:
                made = await asyncio.gather(
                    *(house.pay(one, by=(first, second)[n % 2]) for n, one in enumerate(granted))
                )
            surely = [one if one.state is PerformanceState.FINISHED else None for one in made]
            again = [index for index, one in enumerate(surely) if one is None]
            for index in again:
                assert made[index].later, made[index]
                done = await house.pay_surely(a_chain_payment(3_000 + index, chain="polygon"))
                assert done.state is PerformanceState.FINISHED
            found = await house.nodes["polygon"].transfers(house.tokens["polygon"], house.address)
            assert sorted(units for units, _ in found) == [3_000 + number for number in range(12)]
            assert await nonces(house, "polygon") == 12
