"""x402 both ways, over HTTP, on a real node: paid once within a grant, sold once for each payment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp
import pytest
from aiohttp import web
from msgspec.structs import replace

from chimera.adapters.chain import buyer, x402
from chimera.adapters.chain.seller import Receipt, Seller
from chimera.domain.errors import Invalid
from chimera.domain.grant import Performance, PerformanceState
from chimera.domain.wallets import USDC, Payment
from chimera.testing.chain.facilitator import Facilitator
from tests.chain_house import VENDOR, ChainHouse, a_chain_payment, chain_house

pytestmark = [pytest.mark.requirement("R-E4", "R-E6"), pytest.mark.slow, pytest.mark.timeout(120)]
PRICE = 12_345


class Shop:
    """A seller with its facilitator, and what it noted."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.is_mute = False
        self.url = ""

    async def note(self, receipt: Receipt) -> None:
        self.receipts.append(receipt)

    async def make(self) -> bytes:
        if self.is_mute:
            await asyncio.sleep(60)
        return b'{"weather":"fine"}'


@asynccontextmanager
async def served(app: web.Application) -> AsyncGenerator[str]:
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def shop() -> AsyncGenerator[tuple[ChainHouse, Shop, Facilitator]]:
    made = Shop()

    async def handle(request: web.Request) -> web.Response:
        return await seller.handle(request)

    app = web.Application()
    app.router.add_get("/weather", handle)
    with TemporaryDirectory(prefix="c") as name:
        async with served(app) as url, chain_house(Path(name), chains=("polygon",), sellers=(url,)) as house:
            facilitator = Facilitator(house.nodes["polygon"], chain_id=137)
            async with served(facilitator.app()) as settles:
                made.url = f"{url}/weather"
                price = x402.requirements_of(
                    Payment(chain="polygon", wallet="w", recipient=VENDOR, asset=USDC, units=PRICE, cost_micros=PRICE),
                    house.rules().of("polygon"),
                )
                resource = x402.Resource(url=made.url, mime_type="application/json")
                seller = Seller(resource=resource, price=price, facilitator=settles, note=made.note, make=made.make)
                yield house, made, facilitator


async def buy(house: ChainHouse, made: Shop, *, units: int = PRICE) -> Performance:
    return await house.pay(await house.grant(a_chain_payment(units, chain="polygon", url=made.url)))


async def test_an_api_is_paid_within_a_grant_and_the_receipt_enters_the_seller() -> None:
    async with shop() as (house, made, facilitator):
        performance = await buy(house, made)
        assert performance.state is PerformanceState.FINISHED, performance
        assert performance.receipt is not None
        assert performance.receipt["content"] == '{"weather":"fine"}'
        log = await house.nodes["polygon"].transfers(house.tokens["polygon"], house.address)
        assert log == [(PRICE, performance.receipt["hash"])]
        assert facilitator.settled == 1
        (receipt,) = made.receipts
        assert (receipt.units, receipt.payer, receipt.transaction) == (str(PRICE), house.address, log[0][1])
        # A price that was not granted is not paid.
        other = await buy(house, made, units=PRICE - 1)
        assert (other.state, other.later) == (PerformanceState.FAILED, False)
        assert facilitator.settled == 1


async def test_a_seller_that_takes_the_money_and_says_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buyer, "SECONDS_MAX", 5.0)
    async with shop() as (house, made, facilitator):
        made.is_mute = True
        performance = await buy(house, made)
        assert performance.state is PerformanceState.FINISHED, performance
        assert performance.receipt is not None
        assert performance.receipt["content"] == ""
        assert facilitator.settled == 1
        assert len(await house.nodes["polygon"].transfers(house.tokens["polygon"], house.address)) == 1


async def test_what_a_seller_does_not_take() -> None:
    """Nothing, nonsense, another price, another's signature, and the same payment twice."""
    async with shop() as (house, made, _), aiohttp.ClientSession() as session:
        async with session.get(made.url) as reply:
            assert reply.status == 402
            required = x402.from_header(reply.headers[x402.REQUIRED], x402.Required, name="price")
        granted = await house.grant(a_chain_payment(PRICE, chain="polygon", url=made.url))
        buying = house.buyer("polygon")
        signed = await buying._signatory.authorize(await buying._signatory.evidence(granted.grant.id))
        good = x402.payload_of(signed, required.accepts[0], required.resource)
        forged = replace(good, payload=replace(good.payload, signature="0x" + "11" * 64 + "1b"))
        told = good.payload.authorization
        more = replace(good, payload=replace(good.payload, authorization=replace(told, value=str(PRICE + 1))))
        cheap = replace(good, accepted=replace(good.accepted, amount="1"))
        headers = ["", "%%%", "e30=", *(x402.to_header(one) for one in (forged, more, cheap))]
        for header in headers:
            async with session.get(made.url, headers={x402.SIGNATURE: header}) as reply:
                assert reply.status == 402, header
        assert made.receipts == []
        statuses: list[int] = []
        for _ in range(3):
            async with session.get(made.url, headers={x402.SIGNATURE: x402.to_header(good)}) as reply:
                statuses.append(reply.status)
        assert statuses == [200, 402, 402]
        assert len(made.receipts) == 1


@pytest.mark.parametrize("text", ["", "!", "AAAA", "W10=", "e30=" * 8_000])
def test_a_header_that_cannot_be_read(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        x402.from_header(text, x402.Required, name="price")
    assert refusal.value.code == "x402_malformed"
