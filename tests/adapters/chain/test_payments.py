"""Payments on real nodes under both chains' ids, through the whole path: each exactly once, nonces without gaps."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chimera.domain.grant import PerformanceState
from chimera.domain.task import Task, TaskState
from tests.chain_house import ChainHouse, a_chain_payment, chain_house

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.slow, pytest.mark.timeout(180)]


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
